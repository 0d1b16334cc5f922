import type { DestroyReason, PoolStats, ResizablePool } from '@fynlo/pool-core/contract';

/** What the optimizer reads of a pool. Every `ObservablePool` gives it; an adapter needs no more than this. */
export interface ReadablePool {
  stats(): Pick<
    PoolStats,
    | 'size'
    | 'idle'
    | 'leased'
    | 'waiting'
    | 'oldestWaitMs'
    | 'min'
    | 'max'
    | 'ceiling'
    | 'acquires'
    | 'acquireTimeouts'
    | 'acquireRejections'
    | 'created'
    | 'createFailures'
    | 'destroyed'
  >;
}

/** What the optimizer can work with: read it, and where the pool allows it, resize it. */
export type WatchedPool = ReadablePool & Partial<ResizablePool>;

type Snapshot = ReturnType<ReadablePool['stats']>;

/** What one pool did within its window. */
export interface PoolWindow {
  readonly name: string;
  readonly acquires: number;
  readonly created: number;
  readonly createFailures: number;
  /** Acquires that ended without a connection. */
  readonly failedAcquires: number;
  readonly destroyed: Readonly<Partial<Record<DestroyReason, number>>>;
  readonly peakSize: number;
  readonly peakInUse: number;
}

/** Follows one pool: keeps the snapshots of the last samples and says what happened between the first and the last. */
export class PoolWatch {
  readonly name: string;
  readonly pool: WatchedPool;
  /** The minimum before the optimizer changed it. */
  readonly originalMin: number;
  /** The minimum the optimizer set, while it stands; only the tuner touches it. */
  tunedMin: number | undefined;
  readonly #length: number;
  readonly #snapshots: Snapshot[];

  /** @param length how many samples the window has */
  constructor(pool: WatchedPool, name: string, length: number) {
    this.pool = pool;
    this.name = name;
    this.#length = length;
    const first = pool.stats();
    this.originalMin = first.min;
    this.#snapshots = [first];
  }

  get latest(): Snapshot {
    return this.#snapshots.at(-1) as Snapshot;
  }

  sample(): void {
    this.#snapshots.push(this.pool.stats());
    // One more than the samples: n intervals have n + 1 ends.
    if (this.#snapshots.length > this.#length + 1) this.#snapshots.shift();
  }

  /** The pool as it stands now, and its window up to now. */
  look(): { stats: Snapshot; window: PoolWindow } {
    const stats = this.pool.stats();
    return { stats, window: this.window(stats) };
  }

  /** Begins a new window now: what an action changed must not be judged by what was before it. */
  restart(): void {
    this.#snapshots.splice(0, this.#snapshots.length, this.pool.stats());
  }

  /** @param last where the window ends: the last sample, or a look of now */
  window(last: Snapshot = this.latest): PoolWindow {
    const first = this.#snapshots[0] as Snapshot;
    const all = last === this.latest ? this.#snapshots : [...this.#snapshots, last];
    const destroyed: Partial<Record<DestroyReason, number>> = {};
    for (const [reason, count] of Object.entries(last.destroyed) as [DestroyReason, number][]) {
      const since = count - (first.destroyed[reason] ?? 0);
      if (since > 0) destroyed[reason] = since;
    }
    return {
      name: this.name,
      acquires: last.acquires - first.acquires,
      created: last.created - first.created,
      createFailures: last.createFailures - first.createFailures,
      failedAcquires:
        last.acquireTimeouts +
        last.acquireRejections -
        first.acquireTimeouts -
        first.acquireRejections,
      destroyed,
      peakSize: Math.max(...all.map(({ size }) => size)),
      peakInUse: Math.max(...all.map(({ leased, waiting }) => leased + waiting)),
    };
  }
}
