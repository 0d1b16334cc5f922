import type {
  DestroyReason,
  PoolObserver,
  PoolStats,
  ResizablePool,
} from '@fynlo/pool-core/contract';

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
    | 'acquires'
    | 'acquireTimeouts'
    | 'acquireRejections'
    | 'created'
    | 'createFailures'
    | 'destroyed'
  >;
  /** Where there is one, the peak between two samples is exact; only what is rare is listened to. */
  observe?(observer: Pick<PoolObserver, 'created'>): () => void;
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

interface Sample {
  readonly stats: Snapshot;
  /** The largest size since the sample before. */
  readonly peakSize: number;
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
  readonly #samples: Sample[];
  readonly #unobserve: (() => void) | undefined;
  #peakSize: number;

  /** @param length how many samples the window has */
  constructor(pool: WatchedPool, name: string, length: number) {
    this.pool = pool;
    this.name = name;
    this.#length = length;
    const stats = pool.stats();
    this.originalMin = stats.min;
    this.#peakSize = stats.size;
    this.#samples = [{ stats, peakSize: stats.size }];
    this.#unobserve = pool.observe?.({
      // Read, not counted: some pools tell of a closed connection long after they have stopped counting it.
      created: () => {
        this.#peakSize = Math.max(this.#peakSize, pool.stats().size);
      },
    });
  }

  sample(): void {
    const sample = this.#read();
    this.#samples.push(sample);
    this.#peakSize = sample.stats.size;
    // One more than the samples: n intervals have n + 1 ends.
    if (this.#samples.length > this.#length + 1) this.#samples.shift();
  }

  /** The window that ends at the last sample. */
  window(): PoolWindow {
    return this.#window(this.#samples);
  }

  /** The pool as it stands now, and its window up to now. */
  look(): { stats: Snapshot; window: PoolWindow } {
    const now = this.#read();
    return { stats: now.stats, window: this.#window([...this.#samples, now]) };
  }

  /** Begins a new window now: what an action changed must not be judged by what was before it. */
  restart(): void {
    const { stats } = this.#read();
    this.#samples.splice(0, this.#samples.length, { stats, peakSize: stats.size });
    this.#peakSize = stats.size;
  }

  close(): void {
    this.#unobserve?.();
  }

  #read(): Sample {
    const stats = this.pool.stats();
    return { stats, peakSize: Math.max(this.#peakSize, stats.size) };
  }

  #window(samples: readonly Sample[]): PoolWindow {
    const { stats: first } = samples[0] as Sample;
    const { stats: last } = samples.at(-1) as Sample;
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
      peakSize: Math.max(...samples.map(({ peakSize }) => peakSize)),
      peakInUse: Math.max(...samples.map(({ stats }) => stats.leased + stats.waiting)),
    };
  }
}
