import type { EvictablePool, ObservablePool } from '@fynlo/pool-core/contract';
import { PgPoolAdapter } from './_pg_pool_adapter.ts';
import { InvalidOptionError, UnsupportedError } from './errors.ts';
import type { PgPoolLike } from './pg_shapes.ts';

export interface GuardPgPoolOptions {
  /** How long a reclaim waits for the statement in flight before it destroys the connection, ms. @default 10000, range 0..3600000 */
  readonly busyGraceMs?: number;
}

/** A plain `pg.Pool` as the guard wants it. */
export interface GuardedPgPool extends ObservablePool, EvictablePool {
  /** Takes everything off the pool again: it is as before. Harmless when called again. */
  close(): void;
}

const DEFAULT_BUSY_GRACE_MS = 10_000;
const guarded = new WeakMap<object, PgPoolAdapter>();

/**
 * Makes a plain `pg.Pool` fit for `MemoryLeakPrevention.attach()`: nothing else of the program changes.
 *
 * While somebody observes, `pool.connect()` gives out a stand-in for the client, one for each checkout, since only an
 * object that the pool does not keep itself can be proven lost. A stand-in is an `instanceof` the client's class and
 * behaves as the client does; only `===` between two checkouts does not hold (`pgClientOf()` gives the client). What
 * `pool.query()` checks out for itself stays as it is.
 *
 * `stats()` counts what happened while somebody observed; leases that were out before count as connecting.
 *
 * A reclaimed connection is always destroyed, an idle one too: what session state its holder left, and which listeners,
 * cannot be known, and `DISCARD ALL` would also drop prepared statements that pg goes on to use.
 *
 * @throws UnsupportedError when `pool` lacks what is needed of a `pg.Pool`
 * @throws InvalidOptionError for a `busyGraceMs` outside its range
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { guardPgPool } from '@fynlo/leak-guard';
 * import pg from 'pg';
 *
 * const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
 * const guarded = guardPgPool(pool);
 * let acquires = 0;
 * const stop = guarded.observe({ acquired: () => void acquires++ });
 * await pool.query('select 1');
 * assert.equal(acquires, 1);
 * assert.equal(guarded.stats().idle, 1);
 * stop();
 * await pool.end();
 * ```
 */
export function guardPgPool(pool: PgPoolLike, options: GuardPgPoolOptions = {}): GuardedPgPool {
  for (const method of ['connect', 'query', 'on', 'removeListener'] as const) {
    if (typeof pool?.[method] !== 'function') {
      throw new UnsupportedError(
        `guardPgPool() wants a pg.Pool; the object given has no ${method}()`,
      );
    }
  }
  const busyGraceMs = options.busyGraceMs ?? DEFAULT_BUSY_GRACE_MS;
  if (!(busyGraceMs >= 0 && busyGraceMs <= 3_600_000)) {
    throw new InvalidOptionError('busyGraceMs', busyGraceMs, 'a number from 0 to 3600000');
  }
  let adapter = guarded.get(pool);
  if (adapter === undefined) {
    adapter = new PgPoolAdapter(pool, busyGraceMs, () => guarded.delete(pool));
    guarded.set(pool, adapter);
  }
  return adapter;
}
