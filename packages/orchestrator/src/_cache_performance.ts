import { CachePerformanceEnhancer } from '@fynlo/cache-enhancer';
import { Pool } from '@fynlo/pool-core';
import { Redis } from 'ioredis';
import { abortable } from './_abortable.ts';
import { runInvalidation } from './_cache_invalidation.ts';
import { runCacheWorkload } from './_cache_workload.ts';
import type { CacheOptimizationResult } from './cache_result.ts';
import type { RunContext } from './run_context.ts';

/** What an entry costs in process beside its value: key, record, place in the eviction queues. */
const ENTRY_OVERHEAD_BYTES = 300;
const LOADER_CONNECTIONS = 10;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Scenario 3: how this Redis is best spoken to (measured), how fast and how reliably keys are invalidated over two nodes, and what
 * the cache makes of a Zipf-distributed workload from a cold start: hit ratio beside its ceiling, response time.
 */
export async function cachePerformance(context: RunContext): Promise<CacheOptimizationResult> {
  const { keys, valueBytes, localShare } = context.profile.cache;
  const begun = performance.now();
  const result: Mutable<CacheOptimizationResult> = {
    name: 'cache',
    startedAt: Date.now(),
    tookMs: 0,
    partial: false,
    workload: null,
    invalidation: null,
    redisTuning: null,
    invalidationTuning: null,
  };
  const maxLocalBytes = Math.ceil(keys * localShare * (valueBytes + ENTRY_OVERHEAD_BYTES));
  const namespace = context.table.schema;
  const redis = new Redis(context.redisUrl, { lazyConnect: true });
  redis.on('error', () => undefined);
  // Entries outlive the scenario, so that the hit ratio is the cache's doing and not the clock's.
  const options = { redis, namespace, ttlMs: 600_000 };
  const cache = new CachePerformanceEnhancer({ ...options, maxLocalBytes });
  const here = new CachePerformanceEnhancer({ ...options, namespace: `${namespace}-versions` });
  const elsewhere = new CachePerformanceEnhancer({
    ...options,
    namespace: `${namespace}-versions`,
  });
  const pool = new Pool({
    connectionString: context.databaseUrl,
    application_name: 'fynlo-cache-loader',
    minConnections: LOADER_CONNECTIONS,
    maxConnections: LOADER_CONNECTIONS,
  });
  pool.on('error', () => undefined);
  try {
    await redis.connect();
    await pool.warm(LOADER_CONNECTIONS);
    await Promise.all([cache.start(), here.start(), elsewhere.start()]);
    context.progress('cache', 0, 'probing Redis');
    result.redisTuning = await abortable(cache.optimizeRedisPerformance(), context.signal);
    context.progress('cache', 0.15, 'probing invalidation');
    result.invalidationTuning = await abortable(cache.optimizeCacheInvalidation(), context.signal);
    result.workload = await runCacheWorkload(context, { cache, pool, maxLocalBytes });
    context.progress('cache', 0.8, 'invalidating');
    result.invalidation = await runInvalidation(context, here, elsewhere);
  } catch (error) {
    if (!context.signal.aborted) throw error;
  } finally {
    await Promise.allSettled([cache.close(), here.close(), elsewhere.close()]);
    await removeKeys(redis, namespace);
    redis.disconnect();
    await pool.end({ graceMs: 500 });
  }
  result.tookMs = performance.now() - begun;
  result.partial = context.signal.aborted;
  return result;
}

/** Takes this run's keys out of the caller's Redis again. */
async function removeKeys(redis: Redis, namespace: string): Promise<void> {
  if (redis.status !== 'ready') return;
  const found = redis.scanStream({ match: `*${namespace}*`, count: 1000 });
  try {
    for await (const keys of found) {
      if (keys.length > 0) await redis.unlink(...(keys as string[]));
    }
  } catch {
    // They expire by themselves in ten minutes.
  }
}
