import type pg from 'pg';
import { expect, inject, test } from 'vitest';
import type { EvictablePool, ObservablePool, ResizablePool } from './contract.ts';
import { Pool } from './pool.ts';

test('a Pool is a pg.Pool to TypeScript, and what this package says of it', async () => {
  const pool = new Pool({ connectionString: inject('postgresUrl') });
  const asPg: pg.Pool = pool;
  const observable: ObservablePool & ResizablePool & EvictablePool = pool;
  const PoolClass: new (config?: pg.PoolConfig) => pg.Pool = Pool;
  const rows: { n: number }[] = (await pool.query<{ n: number }>('select 1 as n')).rows;
  const arrays: unknown[][] = (await pool.query({ text: 'select 1', rowMode: 'array' })).rows;
  const client: pg.PoolClient = await pool.connect();
  client.release();
  expect([asPg, observable, rows, arrays]).toEqual([pool, pool, [{ n: 1 }], [[1]]]);
  await new PoolClass().end();
  await pool.end();
});
