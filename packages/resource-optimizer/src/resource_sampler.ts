import type { Clock } from './clock.ts';
import { InvalidOptionError } from './errors.ts';
import type { HostProbe, HostReading } from './host_probe.ts';
import type { CacheReading, ResourceOptimizationMetrics } from './metrics.ts';
import { composeMetrics, loopUtilization } from './metrics.ts';
import type { PoolWindow, WatchedPool } from './pool_watch.ts';
import { PoolWatch } from './pool_watch.ts';
import type { PressureConfig, PressureLevel, PressureState } from './pressure_policy.ts';
import { CALM, cpuPressureConfig, memoryPressureConfig, nextPressure } from './pressure_policy.ts';

/** A cache that tells how well it does. */
export interface ReadableCache {
  /** 0..1; NaN while it had no lookup. */
  hitRatio(): number;
  /** How many lookups that is of; with it, caches are weighted. */
  lookups?(): number;
}

/** A level changed. */
export interface PressureEvent {
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly resource: 'memory' | 'cpu';
  readonly from: PressureLevel;
  readonly to: PressureLevel;
  /** The share in use, 0..1, that moved it. */
  readonly value: number;
  readonly target: number;
}

/** One minute at the default interval. */
const WINDOW_SAMPLES = 60;
/** A first interval shorter than this says nothing: the life of the process is taken instead. */
const MIN_INTERVAL_MS = 20;

type Sums = Pick<HostReading, 'cpuMs' | 'loopActiveMs' | 'loopIdleMs' | 'throttledMs'>;

/** Reads the host, the pools and the caches, and keeps what one sample needs of the one before. */
export class ResourceSampler {
  readonly #clock: Clock;
  readonly #host: HostProbe;
  readonly #targets: { readonly memory: number; readonly cpu: number };
  readonly #memoryConfig: PressureConfig;
  readonly #cpuConfig: PressureConfig;
  readonly #reclaimable: (reading: HostReading) => number;
  readonly #pools = new Set<PoolWatch>();
  readonly #caches = new Set<ReadableCache>();
  #memory: PressureState = CALM;
  #cpu: PressureState = CALM;
  #previous: Sums;
  #previousAtMs: number;
  #last: ResourceOptimizationMetrics | undefined;

  constructor(
    clock: Clock,
    host: HostProbe,
    targets: { readonly memory: number; readonly cpu: number },
    reclaimable: (reading: HostReading) => number,
  ) {
    this.#clock = clock;
    this.#host = host;
    this.#targets = targets;
    this.#memoryConfig = memoryPressureConfig(targets.memory);
    this.#cpuConfig = cpuPressureConfig(targets.cpu);
    this.#reclaimable = reclaimable;
    const reading = host.read();
    reclaimable(reading);
    this.#previous = reading;
    this.#previousAtMs = clock.now();
  }

  get pools(): ReadonlySet<PoolWatch> {
    return this.#pools;
  }

  get memoryLevel(): PressureLevel {
    return this.#memory.level;
  }

  get cpuLevel(): PressureLevel {
    return this.#cpu.level;
  }

  /** The last sample, if there was one. */
  get last(): ResourceOptimizationMetrics | undefined {
    return this.#last;
  }

  attachPool(pool: WatchedPool, name: string): () => void {
    if (typeof pool?.stats !== 'function') {
      throw new InvalidOptionError('pool', pool, 'an object with the method stats()');
    }
    const watch = new PoolWatch(pool, name, WINDOW_SAMPLES);
    this.#pools.add(watch);
    return () => {
      watch.close();
      this.#pools.delete(watch);
    };
  }

  attachCache(cache: ReadableCache): () => void {
    if (typeof cache?.hitRatio !== 'function') {
      throw new InvalidOptionError('cache', cache, 'an object with the method hitRatio()');
    }
    this.#caches.add(cache);
    return () => void this.#caches.delete(cache);
  }

  /** One sample: everything is read, the levels move at most one sample further. */
  sample(): {
    metrics: ResourceOptimizationMetrics;
    reading: HostReading;
    changes: PressureEvent[];
  } {
    for (const pool of this.#pools) quietly(() => pool.sample());
    const { metrics, reading, now } = this.#take((pool) => pool.window());
    this.#previous = reading;
    this.#previousAtMs = now;
    this.#host.nextInterval();

    const changes: PressureEvent[] = [];
    const step = (
      resource: 'memory' | 'cpu',
      state: PressureState,
      value: number,
      config: PressureConfig,
    ): PressureState => {
      const next = nextPressure(state, value, config);
      if (next.level !== state.level) {
        const target = this.#targets[resource];
        changes.push({
          at: metrics.timestamp,
          resource,
          from: state.level,
          to: next.level,
          value,
          target,
        });
      }
      return next;
    };
    this.#memory = step(
      'memory',
      this.#memory,
      metrics.detail.memory.utilization,
      this.#memoryConfig,
    );
    this.#cpu = step('cpu', this.#cpu, metrics.cpuUtilization, this.#cpuConfig);
    this.#last = withLevels(metrics, this.#memory.level, this.#cpu.level);
    return { metrics: this.#last, reading, changes };
  }

  /** The state now, without ending the running interval. */
  peek(): ResourceOptimizationMetrics {
    const look = (pool: PoolWatch) => quietly(() => pool.look().window) ?? pool.window();
    return this.#take(look).metrics;
  }

  /** CPU and loop over the next `ms`, as shares. Keeps the process alive meanwhile: somebody awaits it. */
  async measure(ms: number): Promise<{ cpu: number; loop: number; reading: HostReading }> {
    const before = this.#host.read();
    const startedMs = this.#clock.now();
    await new Promise<void>((resolve) => {
      this.#clock.setTimeout(resolve, ms, { ref: true });
    });
    const reading = this.#host.read();
    const tookMs = Math.max(1, this.#clock.now() - startedMs);
    return {
      cpu: (reading.cpuMs - before.cpuMs) / tookMs / this.#host.limits().cpu.cores,
      loop: loopUtilization(reading, before),
      reading,
    };
  }

  #take(look: (pool: PoolWatch) => PoolWindow): {
    metrics: ResourceOptimizationMetrics;
    reading: HostReading;
    now: number;
  } {
    const reading = this.#host.read();
    const now = this.#clock.now();
    let previous = this.#previous;
    let intervalMs = now - this.#previousAtMs;
    if (this.#last === undefined && intervalMs < MIN_INTERVAL_MS) {
      previous = { cpuMs: 0, loopActiveMs: 0, loopIdleMs: 0, throttledMs: undefined };
      intervalMs = process.uptime() * 1000;
    }
    const metrics = composeMetrics({
      timestamp: this.#clock.wallNow(),
      intervalMs,
      reading,
      previous,
      limits: this.#host.limits(),
      pools: [...this.#pools].map(look),
      caches: [...this.#caches].flatMap((cache) => quietly(() => readCache(cache)) ?? []),
      reclaimableBytes: this.#reclaimable(reading),
      memoryLevel: this.#memory.level,
      cpuLevel: this.#cpu.level,
    });
    return { metrics, reading, now };
  }
}

/** What was attached is not ours: one that throws is passed over, and asked again at the next sample. */
function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function readCache(cache: ReadableCache): CacheReading {
  return { hitRatio: cache.hitRatio(), lookups: cache.lookups?.() };
}

function withLevels(
  metrics: ResourceOptimizationMetrics,
  memory: PressureLevel,
  cpu: PressureLevel,
): ResourceOptimizationMetrics {
  const { detail } = metrics;
  return {
    ...metrics,
    detail: {
      ...detail,
      memory: { ...detail.memory, level: memory },
      cpu: { ...detail.cpu, level: cpu },
    },
  };
}
