/**
 * The right to use a connection until it is released.
 *
 * @module
 */
import type { Entry } from './_entry.ts';
import { LeaseReleasedError } from './errors.ts';

/** Where a lease is given back: the pool. */
export interface LeaseHome<C> {
  release(entry: Entry<C>, leaseId: number, error?: unknown): Promise<void> | undefined;
}

/**
 * One checkout. Every checkout has its own: the pool keeps no reference to it, so a lease that its holder has lost can be
 * collected, and that proves the loss.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { DynamicConnectionPoolManager } from '@fynlo/pool-core/manager';
 *
 * const pool = new DynamicConnectionPoolManager({
 *   minConnections: 0,
 *   factory: { create: () => ({ answer: 42 }), destroy() {} },
 * });
 * const lease = await pool.getConnection();
 * try {
 *   assert.equal(lease.connection.answer, 42);
 * } finally {
 *   await lease.release();
 * }
 * await pool.end();
 * ```
 */
export class Lease<C> {
  /** Unique within its pool; what the pool's events and `reclaim()` call it. */
  readonly id: number;
  readonly #pool: LeaseHome<C>;
  readonly #entry: Entry<C>;

  /** Made by a pool. */
  constructor(pool: LeaseHome<C>, entry: Entry<C>) {
    this.id = entry.leaseId;
    this.#pool = pool;
    this.#entry = entry;
  }

  /** The connection. @throws LeaseReleasedError when the lease is over. */
  get connection(): C {
    const entry = this.#entry;
    if (entry.leaseId !== this.id) throw new LeaseReleasedError(this.id, 'use the connection');
    return entry.connection as C;
  }

  /** Whether the lease is over: released, taken back, or closed by the pool's end. */
  get released(): boolean {
    return this.#entry.leaseId !== this.id;
  }

  /**
   * Gives the connection back.
   *
   * @param error if given (and not null or false), the connection is destroyed instead of kept.
   * @returns a promise only when the connection needs time to be reset or closed; it never rejects and need not be
   * awaited.
   * @throws LeaseReleasedError the second time.
   */
  release(error?: unknown): void | Promise<void> {
    return this.#pool.release(this.#entry, this.id, error);
  }

  /** Releases the lease if that has not happened yet: `await using lease = await pool.getConnection()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.released) await this.release();
  }
}
