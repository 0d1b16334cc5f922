import type { Pool as PgPool } from 'pg';
import { type StubClientClass, type StubTimes, stubClient } from './stub_client.ts';

/** A pool of stub clients. */
export interface StubPoolKind {
  readonly name: string;
  readonly settings: string;
  open(times: StubTimes, size: { readonly min: number; readonly max: number }): Promise<StubPool>;
}

export interface StubPool {
  readonly pool: PgPool;
  readonly client: StubClientClass;
  /** Opens the minimum where the pool does not do it itself. */
  warm(): Promise<void>;
}

export const stubPgPool: StubPoolKind = {
  name: 'pg.Pool',
  settings: 'pg-pool with stub clients',
  async open(times, { min, max }) {
    const { default: pg } = await import('pg');
    const client = stubClient(times);
    const pool = new pg.Pool({ min, max, Client: client } as never);
    return { pool, client, warm: () => checkOutAtOnce(pool, min) };
  },
};

export const stubFynloPool: StubPoolKind = {
  name: 'fynlo',
  settings: '@fynlo/pool-core Pool with stub clients',
  async open(times, { min, max }) {
    const { Pool } = await import('@fynlo/pool-core');
    const client = stubClient(times);
    const pool = new Pool({ min, max, Client: client } as never);
    return { pool, client, warm: () => pool.warm(min) };
  },
};

/** pg-pool has no warm-up: holding so many at once makes it open them. */
async function checkOutAtOnce(pool: PgPool, count: number): Promise<void> {
  const clients = await Promise.all(Array.from({ length: count }, () => pool.connect()));
  for (const client of clients) client.release();
}
