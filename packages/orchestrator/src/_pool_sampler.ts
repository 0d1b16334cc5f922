import type { ObservablePool, PoolStats } from '@fynlo/pool-core/contract';
import type { ServerActivity } from './_server_activity.ts';
import type { SizeSample } from './scaling_quality_policy.ts';

/** One look at pool and server. */
export interface PoolSample extends SizeSample {
  readonly idle: number;
  readonly connecting: number;
  readonly waiting: number;
  /** Leased share of the usable connections, 0..1. */
  readonly utilization: number;
  /** Transactions the server sees open and waiting for their client; `null` when it could not be asked. */
  readonly serverInTransaction: number | null;
  /** Counters since the pool was made. */
  readonly acquires: number;
  readonly created: number;
}

/** Looks at a pool and at its server in a fixed rhythm, and keeps what it saw. */
export class PoolSampler {
  readonly #pool: ObservablePool;
  readonly #activity: ServerActivity | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly samples: PoolSample[] = [];

  constructor(pool: ObservablePool, activity: ServerActivity | undefined, everyMs: number) {
    this.#pool = pool;
    this.#activity = activity;
    this.sample();
    this.#timer = setInterval(() => this.sample(), everyMs);
    this.#timer.unref();
  }

  /** The last look taken. */
  get latest(): PoolSample {
    return this.samples.at(-1) ?? this.sample();
  }

  sample(): PoolSample {
    const sample = look(this.#pool.stats(), this.#activity);
    this.samples.push(sample);
    return sample;
  }

  between(from: number, to: number): PoolSample[] {
    return this.samples.filter(({ at }) => at >= from && at <= to);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

function look(stats: PoolStats, activity: ServerActivity | undefined): PoolSample {
  const usable = stats.size - stats.connecting - stats.closing;
  const server = activity?.latest;
  return {
    at: performance.now(),
    size: stats.size - stats.closing,
    leased: stats.leased,
    idle: stats.idle,
    connecting: stats.connecting,
    waiting: stats.waiting,
    utilization: usable > 0 ? stats.leased / usable : 0,
    serverConnections: server?.connections ?? null,
    serverInTransaction: server?.inTransaction ?? null,
    acquires: stats.acquires,
    created: stats.created,
  };
}
