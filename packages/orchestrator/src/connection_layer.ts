import { CachePerformanceEnhancer } from '@fynlo/cache-enhancer';
import { MemoryLeakPrevention } from '@fynlo/leak-guard';
import { Pool } from '@fynlo/pool-core';
import { ResourceUsageOptimizer } from '@fynlo/resource-optimizer';
import { Redis } from 'ioredis';
import { CloseStack } from './_close_stack.ts';
import { LayerStartError } from './errors.ts';
import {
  type ConnectionLayerOptions,
  type ResolvedLayerOptions,
  resolveLayerOptions,
} from './layer_options.ts';

/** Pool, cache, guard and optimizer, wired to each other. */
export interface ConnectionLayer extends AsyncDisposable {
  readonly pool: Pool;
  /** `undefined` without `redis`. */
  readonly cache: CachePerformanceEnhancer | undefined;
  /** `undefined` with `guard: false`. */
  readonly guard: MemoryLeakPrevention | undefined;
  /** `undefined` with `optimizer: false`. */
  readonly optimizer: ResourceUsageOptimizer | undefined;
  /**
   * Stops optimizer, guard, cache and pool, in this order, each within `closeTimeoutMs`. A second call returns the same
   * promise.
   *
   * @throws LayerCloseError naming the parts that failed to close or took too long; the others are closed
   */
  close(): Promise<void>;
}

/**
 * Starts a pool, a cache, a leak guard and a resource optimizer, and lets them know of each other: the guard watches the
 * pool's leases and counts the cache's bytes as wanted, the optimizer watches the pool's reuse and the cache's hit ratio, and when memory
 * gets tight it has the cache shrink and idle connections closed.
 *
 * @throws LayerStartError when a part does not start; those started before it have been closed again
 * @throws InvalidOptionError for an unknown option or a value out of range
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createConnectionLayer } from '@fynlo/orchestrator';
 *
 * const layer = await createConnectionLayer({
 *   databaseUrl: process.env.DATABASE_URL ?? '',
 *   redis: process.env.REDIS_URL ?? '',
 *   name: 'example',
 * });
 * const one = await layer.cache?.getOrSet('one', async () => {
 *   const { rows } = await layer.pool.query('select 1 as one');
 *   return rows[0].one;
 * });
 * assert.equal(one, 1);
 * await layer.close();
 * ```
 */
export async function createConnectionLayer(
  options: ConnectionLayerOptions,
): Promise<ConnectionLayer> {
  const resolved = resolveLayerOptions(options);
  const started = new CloseStack(resolved.closeTimeoutMs);
  let part = 'pool';
  try {
    const pool = await startPool(resolved, started);
    part = 'cache';
    const cache = await startCache(resolved, started);
    part = 'guard';
    const guard = startGuard(resolved, started, pool, cache);
    part = 'optimizer';
    const optimizer = startOptimizer(resolved, started, pool, cache);
    const close = (): Promise<void> => started.close();
    return { pool, cache, guard, optimizer, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    // What could not be closed either is worth less than the reason why nothing started.
    await started.close().catch(() => undefined);
    throw new LayerStartError(part, error);
  }
}

async function startPool(options: ResolvedLayerOptions, started: CloseStack): Promise<Pool> {
  const pool = new Pool(options.pool);
  // An idle connection that dies is the pool's business; without a listener it would end the process.
  pool.on('error', () => undefined);
  started.push('pool', () => pool.end({ graceMs: options.closeTimeoutMs / 2 }));
  // Fails here, and with the server's own words, when the database cannot be used.
  await pool.withConnection((client) => client.query('select 1'));
  return pool;
}

async function startCache(
  options: ResolvedLayerOptions,
  started: CloseStack,
): Promise<CachePerformanceEnhancer | undefined> {
  if (options.redis === undefined) return undefined;
  const redis =
    typeof options.redis === 'string' ? ownRedis(options.redis, started) : options.redis;
  await redis.ping();
  const cache = new CachePerformanceEnhancer({ ...options.cache, redis });
  started.push('cache', () => cache.close());
  await cache.start();
  return cache;
}

function ownRedis(url: string, started: CloseStack): Redis {
  const redis = new Redis(url, { connectTimeout: 5000, maxRetriesPerRequest: 2 });
  // ioredis reconnects by itself; the cache's metrics say how it stands.
  redis.on('error', () => undefined);
  started.push('redis', () => redis.disconnect());
  return redis;
}

function startGuard(
  { guard: options, name }: ResolvedLayerOptions,
  started: CloseStack,
  pool: Pool,
  cache: CachePerformanceEnhancer | undefined,
): MemoryLeakPrevention | undefined {
  if (options === false) return undefined;
  const guard = new MemoryLeakPrevention(options);
  started.push('guard', () => guard.stop());
  guard.attach(pool, name);
  if (cache !== undefined) {
    guard.registerCache(name, {
      bytes: () => cache.bytes(),
      shrink: (toBytes) => {
        cache.shrink(toBytes);
        return cache.bytes();
      },
    });
  }
  return guard.startMonitoring();
}

function startOptimizer(
  { optimizer: options, name }: ResolvedLayerOptions,
  started: CloseStack,
  pool: Pool,
  cache: CachePerformanceEnhancer | undefined,
): ResourceUsageOptimizer | undefined {
  if (options === false) return undefined;
  const optimizer = new ResourceUsageOptimizer(options);
  started.push('optimizer', () => optimizer.stop());
  // Being attached, the pool also gives up idle connections when memory gets tight.
  optimizer.attach(pool, name);
  if (cache !== undefined) {
    optimizer.attachCache(cache);
    optimizer.registerReliever({
      name: `${name}: in-process cache`,
      relieve: () => {
        const before = cache.bytes();
        const freedBytes = cache.shrink(Math.floor(before / 2));
        return { freedBytes, detail: `halved from ${before} bytes; Redis still has the values` };
      },
    });
  }
  return optimizer.start();
}
