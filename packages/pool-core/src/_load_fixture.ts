/**
 * Callers that use a pool while something happens to it.
 *
 * @module
 */
import type pg from 'pg';
import { delay } from './_pg_conformance.ts';
import type { Pool } from './pool.ts';

export interface LoadOptions {
  readonly callers: number;
  /** @default 'select pg_sleep(0.005)' */
  readonly statement?: string;
  /** Between an answer and the next call, ms; also after an error. @default 2 */
  readonly pauseMs?: number;
}

/** Callers in a closed loop: acquire, one statement, release. Counts what became of each. */
export class Load {
  readonly #pool: Pool;
  readonly #options: LoadOptions;
  readonly #callers: Promise<void>[];
  #stopping = false;
  ok = 0;
  /** Errors of acquires. */
  readonly refused: Error[] = [];
  /** Errors of statements. */
  readonly failed: Error[] = [];
  /** Of `performance.now()`. */
  lastOkAt = 0;
  /** How long an acquire took at most, answered or refused, ms. */
  longestAcquireMs = 0;

  constructor(pool: Pool, options: LoadOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#callers = Array.from({ length: options.callers }, () => this.#call());
  }

  /** Resolves when every caller has ended: each acquire and each statement was answered. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#callers);
  }

  async #call(): Promise<void> {
    const { statement = 'select pg_sleep(0.005)', pauseMs = 2 } = this.#options;
    while (!this.#stopping) {
      await this.#once(statement);
      await delay(pauseMs);
    }
  }

  async #once(statement: string): Promise<void> {
    const asked = performance.now();
    const waited = (): void => {
      this.longestAcquireMs = Math.max(this.longestAcquireMs, performance.now() - asked);
    };
    let client: pg.PoolClient;
    try {
      client = await this.#pool.connect();
      waited();
    } catch (error) {
      waited();
      this.refused.push(error as Error);
      return;
    }
    try {
      await client.query(statement);
      this.ok++;
      this.lastOkAt = performance.now();
      client.release();
    } catch (error) {
      this.failed.push(error as Error);
      client.release(error as Error);
    }
  }
}
