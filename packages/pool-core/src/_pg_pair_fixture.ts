/**
 * A primary and its standby that change places, and pools of both.
 */
import { ask } from '@fynlo/services/ask';
import { type RunningPostgres, startPostgres } from '@fynlo/services/postgres';
import { startStandby } from '@fynlo/services/standby';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, vi } from 'vitest';
import { until } from './_pg_conformance.ts';
import type { ServerChange } from './contract.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

/** For all tests of a file. */
export class PgPair implements AsyncDisposable {
  /** In the order of a pool's hosts, whichever is the primary by now. */
  readonly one: RunningPostgres;
  readonly two: RunningPostgres;
  /** Whose turn it is. */
  #primary: RunningPostgres;
  #standby: RunningPostgres;
  readonly #pools: Pool[] = [];

  private constructor(one: RunningPostgres, two: RunningPostgres) {
    this.one = one;
    this.two = two;
    this.#primary = one;
    this.#standby = two;
  }

  /** With a table `ledger` to write to. */
  static async start(): Promise<PgPair> {
    const one = await startPostgres({ external: false, replication: true, auth: 'trust' });
    const pair = new PgPair(one, await startStandby({ of: one }));
    await ask(one.url, 'create table ledger (id serial primary key, note text)');
    return pair;
  }

  get primary(): RunningPostgres {
    return this.#primary;
  }

  get standby(): RunningPostgres {
    return this.#standby;
  }

  /** A pool of the two, until {@link endPools}. */
  make(options: PoolOptions): Pool {
    const pool = new Pool({
      hosts: [this.one, this.two].map(({ host, port }) => ({ host, port })),
      user: 'postgres',
      database: 'postgres',
      connectionTimeoutMillis: 15_000,
      max: 5,
      ...options,
    });
    this.#pools.push(pool);
    return pool;
  }

  async endPools(): Promise<void> {
    await Promise.all(this.#pools.splice(0).map((pool) => pool.end({ graceMs: 0 })));
  }

  /** Makes the standby a primary, once the other is down. It is called the standby until {@link changePlaces}. */
  async promote(): Promise<void> {
    await ask(this.#standby.url, 'select pg_promote(true, 60)');
  }

  /** What was the primary comes back as the standby of the one that was promoted. */
  async changePlaces(): Promise<void> {
    await this.#primary.follow(this.#standby);
    [this.#primary, this.#standby] = [this.#standby, this.#primary];
  }

  /** An orderly switchover: nothing that was committed is lost. */
  async switchOver(): Promise<void> {
    await this.#primary.shutdown('fast');
    await this.promote();
    await this.changePlaces();
    await this.caughtUp();
  }

  /** The primary stays up and takes no writes. */
  async fence(): Promise<void> {
    await ask(this.#primary.url, 'alter system set default_transaction_read_only = on');
    await ask(this.#primary.url, 'select pg_reload_conf()');
  }

  async unfence(): Promise<void> {
    const repair = new pg.Client({ connectionString: this.#primary.url });
    await repair.connect();
    await repair.query('set default_transaction_read_only = off');
    await repair.query('alter system reset default_transaction_read_only');
    await repair.query('select pg_reload_conf()');
    await repair.end();
  }

  async caughtUp(): Promise<void> {
    const written = await ask<string>(this.#primary.url, 'select pg_current_wal_flush_lsn()');
    const reached = `select pg_last_wal_replay_lsn() >= '${written}'`;
    await until('the standby has caught up', async () =>
      Boolean(await ask<unknown>(this.#standby.url, reached).catch(() => false)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.two.stop(), this.one.stop()]);
  }
}

/** A pair for all tests of the file that calls this; their pools end after each. @param started given the pair before the first test */
export function pairForFile(started: (pair: PgPair) => void): void {
  vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });
  let pair: PgPair | undefined;
  beforeAll(async () => {
    pair = await PgPair.start();
    started(pair);
  });
  afterEach(() => pair?.endPools());
  afterAll(() => pair?.[Symbol.asyncDispose]());
}

/** Of the server that the pool asks now. */
export async function portOf(pool: Pool): Promise<number> {
  return Number((await pool.query('show port')).rows[0].port);
}

/** What the pool tells of its servers from now on, as it comes. */
export function changesOf(pool: Pool): ServerChange[] {
  const changes: ServerChange[] = [];
  pool.observe({ serverChanged: (event) => changes.push(event) });
  return changes;
}
