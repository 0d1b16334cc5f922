import type pg from 'pg';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { caught, delay } from './_pg_conformance.ts';
import { NestedAcquireError } from './pg_errors.ts';
import { Pool } from './pool.ts';

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe('F67 callers that hold a client and wait for another', () => {
  let pool: Pool;
  const make = (max: number): Pool => {
    pool = new Pool({ connectionString: inject('postgresUrl'), max, detectNestedAcquire: true });
    return pool;
  };
  afterEach(() => pool.end({ graceMs: 0 }));

  async function outerWork(): Promise<void> {
    const client = await pool.connect();
    try {
      await client.query('select 1');
      await innerWork();
    } finally {
      client.release();
    }
  }
  async function innerWork(): Promise<void> {
    await pool.query('select 2');
  }

  test('are found within a second, one is refused, and the others get on', async () => {
    make(2);
    const begun = performance.now();
    const results = await Promise.allSettled([outerWork(), outerWork()]);
    expect(performance.now() - begun).toBeLessThan(1_000);
    const refused = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as NestedAcquireError] : [],
    );
    expect(refused).toHaveLength(1);
    expect(refused[0]).toBeInstanceOf(NestedAcquireError);
    expect(refused[0]?.code).toBe('ERR_POOL_NESTED_ACQUIRE');
    expect(refused[0]?.holderStack).toContain('outerWork');
    expect(refused[0]?.waiterStack).toContain('innerWork');
    expect(refused[0]?.message).toContain('use the client you have');
  });

  test('by leases as well', async () => {
    make(1);
    const error = await caught(pool.withConnection(() => pool.getConnection()));
    expect(error).toBeInstanceOf(NestedAcquireError);
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  test('a holder that an event loop which stood still kept from going on is none of that', async () => {
    make(1);
    let further: Promise<pg.QueryResult> | undefined;
    await pool.withConnection(async () => {
      further = pool.query('select 1 as one');
      setTimeout(block, 120, 900);
      await delay(200);
    });
    expect((await further)?.rows).toEqual([{ one: 1 }]);
  });

  test('a burst, a slow statement and a slow holder are none of that', async () => {
    make(2);
    const slow = Array.from({ length: 5 }, () => pool.query('select pg_sleep(0.4)'));
    await Promise.all(slow);
    const holder = pool.withConnection(async () => delay(900));
    const other = pool.withConnection(async () => delay(900));
    const waiting = pool.query('select 1 as one');
    await Promise.all([holder, other]);
    expect((await waiting).rows).toEqual([{ one: 1 }]);
  });
});
