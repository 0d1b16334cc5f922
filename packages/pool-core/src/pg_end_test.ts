import { afterEach, describe, expect, inject, test } from 'vitest';
import { caught, inside, until } from './_pg_conformance.ts';
import type { PoolOptions } from './pg_options.ts';
import { type DisposablePoolClient, Pool } from './pool.ts';

describe('F06 the end of a pool', () => {
  let pool: Pool;
  const make = (options: PoolOptions = {}): Pool => {
    pool = new Pool({ connectionString: inject('postgresUrl'), max: 1, ...options });
    return pool;
  };
  afterEach(() => pool[Symbol.asyncDispose]());

  test('callers behind a full pool are refused at once, who has a client finishes', async () => {
    make();
    const client = await pool.connect();
    const waiting = [
      caught(pool.connect()),
      caught(pool.query('select 1')),
      caught(pool.getConnection()),
    ];
    const end = pool.end();
    for (const error of await Promise.all(waiting)) {
      expect(error.message).toBe('Cannot use a pool after calling end on the pool');
      expect(error.code).toBe('ERR_POOL_CLOSED');
    }
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    client.release();
    await end;
    expect([pool.ended, pool.totalCount]).toEqual([true, 0]);
  });

  test('callers for whom a connect is under way are served', async () => {
    make({ max: 2 });
    const queries = [pool.query('select 1 as n'), pool.query('select 2 as n')];
    const refused = caught(pool.query('select 3 as n'));
    await pool.end();
    expect((await Promise.all(queries)).map(({ rows }) => rows[0].n)).toEqual([1, 2]);
    expect((await refused).code).toBe('ERR_POOL_CLOSED');
  });

  test.each([false, true])(
    'of one that is suspended: who waits with room for him is served (idle: %s)',
    async (idle) => {
      make();
      if (idle) await pool.query('select 1');
      pool.suspend();
      const waiting = pool.query('select 1 as one');
      await pool.end();
      expect((await waiting).rows).toEqual([{ one: 1 }]);
    },
  );

  test('graceMs closes what is still lent under its holder', async () => {
    make();
    const client = await pool.connect();
    const lost = caught(client.query('select pg_sleep(30)'));
    await pool.end({ graceMs: 50 });
    expect(pool.ended).toBe(true);
    expect(await lost).toBeInstanceOf(Error);
    // What a `finally` does: not its fault that there is nothing to give back any more. A second time is.
    client.release();
    expect(() => client.release()).toThrow('already been released');
  });

  test('graceMs ends a query of the pool with an error, and the process goes on', async () => {
    make();
    const lost = caught(pool.query('select pg_sleep(30)'));
    await until('it runs', () => pool.totalCount === 1 && pool.idleCount === 0);
    await pool.end({ graceMs: 50 });
    expect(await lost).toBeInstanceOf(Error);
  });

  test('graceMs bounds the wait for a server that says nothing', async () => {
    make({ connectionString: 'postgres://u@127.0.0.1:1/x', connectionTimeoutMillis: 60_000 });
    const waiting = caught(pool.connect());
    await until('it knows', () => pool.stats().createFailures > 0);
    const begun = performance.now();
    await pool.end({ graceMs: 50 });
    expect(await waiting).toBeInstanceOf(Error);
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  test('a graceMs that is no time is refused, and the pool goes on', async () => {
    make();
    expect(() => pool.end({ graceMs: -1 })).toThrow('graceMs');
    expect(() => pool.end({ graceMs: Number.NaN })).toThrow('graceMs');
    expect(() => pool.end({ graceMs: '5' as never })).toThrow('graceMs');
    expect(() => pool.end({ graceMs: null as never })).toThrow('graceMs');
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  test('await using ends the pool, and does no harm to one that was ended', async () => {
    {
      await using scoped = make();
      await scoped.query('select 1');
    }
    expect(pool.ended).toBe(true);
    await pool[Symbol.asyncDispose]();
    expect((await caught(pool.end())).message).toBe('Called end on pool more than once');
  });

  test('await using gives a client and a lease back', async () => {
    make();
    {
      await using client = await pool.connect();
      await client.query('select 1');
      expect(pool.idleCount).toBe(0);
    }
    expect(pool.idleCount).toBe(1);
    {
      await using lease = await pool.getConnection();
      await lease.connection.query('select 1');
      expect(pool.idleCount).toBe(0);
    }
    expect(pool.idleCount).toBe(1);
  });

  test('a client that was given back inside its scope is left to its next user', async () => {
    make();
    let next: DisposablePoolClient;
    {
      await using client = await pool.connect();
      client.release();
      next = await pool.connect();
      expect(next).toBe(client);
    }
    expect(pool.idleCount).toBe(0);
    expect((await next.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    next.release();
  });

  test('an ended pool leaves no socket', async () => {
    make({ max: 5 });
    await Promise.all(Array.from({ length: 5 }, () => pool.query('select 1')));
    const sockets = inside(pool)._clients.map((client) => client.connection.stream);
    await pool.end();
    expect(sockets.map((socket) => socket.destroyed)).toEqual(Array(5).fill(true));
  });
});
