/**
 * What must hold of a pool after any fault, whatever the fault was.
 *
 * @module
 */
import { createHook } from 'node:async_hooks';
import pg from 'pg';
import { until } from './_pg_conformance.ts';
import type { PoolState } from './contract.ts';
import type { Pool } from './pool.ts';

/** How soon the server must have as many backends as the pool has connections, ms. */
const BACKENDS_MS = 2_000;

/** The pool's own frames, not those of tests and fixtures. */
const OF_THE_POOL = /pool-core\/src\/(?!\w*_test\.ts|_\w*fixture\.ts|_pg_conformance\.ts)/;

/**
 * What happens in this process while any oracle watches. One for all of them: whose a timer is cannot be told, so what is left
 * is held against the last one that ends.
 */
class Watch {
  /** Sockets and timers that code of the pool opened, by async id, with the stack that did. */
  readonly handles = new Map<number, string>();
  readonly #oracles = new Set<unknown[]>();
  readonly #hook = createHook({
    init: (id, type) => {
      if (type !== 'Timeout' && type !== 'TCPWRAP') return;
      const { stack = '' } = new Error(type);
      if (OF_THE_POOL.test(stack)) this.handles.set(id, stack);
    },
    destroy: (id) => void this.handles.delete(id),
  });
  readonly #note = (error: unknown): void => {
    for (const unhandled of this.#oracles) unhandled.push(error);
  };

  get alone(): boolean {
    return this.#oracles.size === 1;
  }

  begin(unhandled: unknown[]): void {
    if (this.#oracles.size === 0) {
      this.handles.clear();
      this.#hook.enable();
      process.on('unhandledRejection', this.#note).on('uncaughtException', this.#note);
    }
    this.#oracles.add(unhandled);
  }

  end(unhandled: unknown[]): void {
    this.#oracles.delete(unhandled);
    if (this.#oracles.size > 0) return;
    this.#hook.disable();
    process.removeListener('unhandledRejection', this.#note);
    process.removeListener('uncaughtException', this.#note);
  }
}

const watch = new Watch();

/**
 * Watches one pool and this process from the pool's birth to its end.
 *
 * {@link settled} asserts what must hold whenever the fault is over; {@link ended}, what must hold once the pool has ended. Both
 * throw with everything that is wrong.
 */
export class Oracle {
  readonly #pool: Pool;
  readonly #adminUrl: string;
  readonly #applicationName: string;
  readonly #unhandled: unknown[] = [];
  /** The states the pool went through, in order. */
  readonly states: PoolState[] = [];
  #created = 0;
  #destroyed = 0;

  /**
   * @param make makes the pool with the options given; called at once
   * @param adminUrl the server without any proxy, to count backends; undefined: it cannot be asked
   */
  constructor(make: (options: { application_name: string }) => Pool, adminUrl: string) {
    this.#adminUrl = adminUrl;
    this.#applicationName = `oracle-${process.pid}-${performance.now()}`;
    watch.begin(this.#unhandled);
    this.#pool = make({ application_name: this.#applicationName });
    this.#pool.observe({
      stateChanged: ({ to }) => void this.states.push(to),
      created: () => void this.#created++,
      destroyed: () => void this.#destroyed++,
    });
  }

  get pool(): Pool {
    return this.#pool;
  }

  /** The backends that the server has for this pool. */
  async backends(): Promise<number> {
    const { rows } = await this.#ask<{ n: number }>('count(*)::int as n');
    return rows[0]?.n ?? 0;
  }

  /** The fault is over: invariants, nothing unhandled, the log explains the size, the server sees the same size. */
  async settled(withinMs: number = BACKENDS_MS): Promise<void> {
    const pool = this.#pool;
    pool.manager.pool.assertInvariants();
    const { size, connecting, created, destroyed } = pool.stats();
    const closed = Object.values(destroyed).reduce((sum, n) => sum + n, 0);
    const wrong: string[] = [];
    if (this.#created !== created || this.#destroyed !== closed) {
      wrong.push(
        `${this.#created} created and ${this.#destroyed} destroyed were told of, the counters say ${created} and ${closed}`,
      );
    }
    if (created - closed !== size - connecting) {
      wrong.push(
        `${created} connects less ${closed} closed explain no size of ${size - connecting}`,
      );
    }
    if (this.#unhandled.length > 0) wrong.push(`nobody handled ${this.#unhandled.join(', ')}`);
    if (wrong.length > 0) throw new Error(`${wrong.join('; ')}\n${pool.explain()}`);
    let seen = Number.NaN;
    await until(
      'the server has as many backends as the pool has connections',
      async () => {
        seen = await this.backends();
        return seen === pool.totalCount && pool.manager.pool.connecting === 0;
      },
      withinMs,
    ).catch((error: Error) => {
      throw new Error(`${error.message}: ${seen} backends\n${pool.explain()}`);
    });
  }

  /** Ends the pool, and asserts that it leaves nothing: no socket, no timer, no backend, no rejection. */
  async ended(graceMs = 1_000): Promise<void> {
    const pool = this.#pool;
    try {
      if (!pool.ending) await pool.end({ graceMs });
      pool.manager.pool.assertInvariants();
      await until('no backend is left', async () => (await this.backends()) === 0, BACKENDS_MS);
      const { handles } = watch;
      if (watch.alone) {
        await until('no socket and no timer of the pool is left', () => handles.size === 0).catch(
          (error: Error) => {
            throw new Error(`${error.message}\n${[...handles.values()].join('\n')}`);
          },
        );
      }
    } finally {
      watch.end(this.#unhandled);
    }
    if (this.#unhandled.length > 0) throw new AggregateError(this.#unhandled, 'nobody handled');
  }

  async #ask<R extends pg.QueryResultRow>(what: string): Promise<pg.QueryResult<R>> {
    const admin = new pg.Client({ connectionString: this.#adminUrl });
    await admin.connect();
    try {
      return await admin.query<R>(
        `select ${what} from pg_stat_activity where application_name = $1`,
        [this.#applicationName],
      );
    } finally {
      await admin.end();
    }
  }
}
