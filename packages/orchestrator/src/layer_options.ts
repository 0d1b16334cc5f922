import type { CachePerformanceEnhancerOptions } from '@fynlo/cache-enhancer';
import type { MemoryLeakPreventionOptions } from '@fynlo/leak-guard';
import type { PoolOptions } from '@fynlo/pool-core';
import type { ResourceUsageOptimizerOptions } from '@fynlo/resource-optimizer';
import type { Redis } from 'ioredis';
import { InvalidOptionError } from './errors.ts';

/** Options of {@link createConnectionLayer}. Each part's own options are passed on as they are. */
export interface ConnectionLayerOptions {
  /** `postgres://…`; or say how to connect in `pool`. */
  readonly databaseUrl?: string;
  /** `redis://…`, or an ioredis client of the caller's, which the layer leaves open. Without it there is no cache. */
  readonly redis?: string | Redis;
  /** Names the pool in reports, and the cache's keys. @default 'fynlo' */
  readonly name?: string;
  /** Of `Pool`. */
  readonly pool?: PoolOptions;
  /** Of `CachePerformanceEnhancer`. */
  readonly cache?: Omit<CachePerformanceEnhancerOptions, 'redis'>;
  /** Of `MemoryLeakPrevention`; `false`: no guard. @default {} */
  readonly guard?: MemoryLeakPreventionOptions | false;
  /** Of `ResourceUsageOptimizer`; `false`: no optimizer. @default {} */
  readonly optimizer?: ResourceUsageOptimizerOptions | false;
  /** How long each part may take to close, ms, 100..600 000. @default 10_000 */
  readonly closeTimeoutMs?: number;
}

export interface ResolvedLayerOptions {
  readonly redis: string | Redis | undefined;
  readonly name: string;
  readonly pool: PoolOptions;
  readonly cache: Omit<CachePerformanceEnhancerOptions, 'redis'>;
  readonly guard: MemoryLeakPreventionOptions | false;
  readonly optimizer: ResourceUsageOptimizerOptions | false;
  readonly closeTimeoutMs: number;
}

const KNOWN: ReadonlySet<string> = new Set<keyof ConnectionLayerOptions>([
  'databaseUrl',
  'redis',
  'name',
  'pool',
  'cache',
  'guard',
  'optimizer',
  'closeTimeoutMs',
]);

/** @throws InvalidOptionError for an unknown name or a value out of range; the parts check their own options */
export function resolveLayerOptions(options: ConnectionLayerOptions): ResolvedLayerOptions {
  for (const key of Object.keys(options)) {
    if (!KNOWN.has(key)) throw new InvalidOptionError(key, options[key as never], 'no such option');
  }
  const { databaseUrl, redis } = options;
  if (databaseUrl !== undefined && !URL.canParse(databaseUrl)) {
    throw new InvalidOptionError('databaseUrl', 'an unreadable URL', 'postgres://…');
  }
  if (typeof redis === 'string' && !URL.canParse(redis)) {
    throw new InvalidOptionError('redis', 'an unreadable URL', 'redis://…, or an ioredis client');
  }
  if (options.cache !== undefined && redis === undefined) {
    throw new InvalidOptionError('cache', options.cache, 'redis as well: the cache needs one');
  }
  const closeTimeoutMs = options.closeTimeoutMs ?? 10_000;
  if (!(closeTimeoutMs >= 100 && closeTimeoutMs <= 600_000)) {
    throw new InvalidOptionError('closeTimeoutMs', closeTimeoutMs, 'a number from 100 to 600000');
  }
  const name = options.name ?? 'fynlo';
  return {
    redis,
    name,
    pool: {
      ...(databaseUrl === undefined ? {} : { connectionString: databaseUrl }),
      ...options.pool,
    },
    cache: { namespace: name, ...options.cache },
    guard: options.guard ?? {},
    optimizer: options.optimizer ?? {},
    closeTimeoutMs,
  };
}
