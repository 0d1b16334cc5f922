import type { DestroyReason } from '@fynlo/pool-core/contract';
import type { WatchedPool } from './pool_watch.ts';

/** The part of a `pg.Pool` that is needed; any version of pg-pool since 3.6 has it. */
export interface PgPoolLike {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
  readonly options: { max?: number | undefined; min?: number | undefined };
  on(event: 'connect' | 'acquire' | 'remove', listener: () => void): unknown;
  off(event: 'connect' | 'acquire' | 'remove', listener: () => void): unknown;
}

/**
 * Makes a plain `pg.Pool` fit {@link ResourceUsageOptimizer.attach}. Call it where the pool is made: what happened before
 * is not counted.
 *
 * pg-pool does not tell why a connection closed or how long a caller has waited: all closings count as `idle-timeout` (its
 * own main reason), the age of its queue reads 0. Put a {@link ConcurrencyLimiter} before it for an age.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import pg from 'pg';
 * import { ResourceUsageOptimizer, watchPgPool } from '@fynlo/resource-optimizer';
 *
 * const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 2 });
 * const optimizer = new ResourceUsageOptimizer();
 * optimizer.attach(watchPgPool(pool), 'orders');
 * for (let i = 0; i < 10; i++) await pool.query('select 1');
 * assert.equal(optimizer.getResourceMetrics().connectionReuseRatio, 0.9);
 * await pool.end();
 * ```
 */
export function watchPgPool(pool: PgPoolLike): WatchedPool {
  let created = 0;
  let acquires = 0;
  let removed = 0;
  pool.on('connect', () => created++);
  pool.on('acquire', () => acquires++);
  pool.on('remove', () => removed++);
  return {
    observe({ created: onCreated }) {
      // pg-pool gives its clients no numbers; who observes here only counts.
      const connect = () => onCreated?.({ connectionId: 0, tookMs: 0 });
      pool.on('connect', connect);
      return () => {
        pool.off('connect', connect);
      };
    },
    stats() {
      const max = pool.options.max ?? 10;
      const destroyed: Partial<Record<DestroyReason, number>> = { 'idle-timeout': removed };
      return {
        size: pool.totalCount,
        idle: pool.idleCount,
        leased: pool.totalCount - pool.idleCount,
        waiting: pool.waitingCount,
        oldestWaitMs: 0,
        min: pool.options.min ?? 0,
        max,
        acquires,
        acquireTimeouts: 0,
        acquireRejections: 0,
        created,
        createFailures: 0,
        destroyed,
      };
    },
    // pg-pool reads both at every decision, so a change takes effect at the next one.
    resize({ min, max }) {
      if (min !== undefined) pool.options.min = min;
      if (max !== undefined) pool.options.max = max;
    },
  };
}
