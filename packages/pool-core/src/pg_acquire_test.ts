import { AsyncLocalStorage } from 'node:async_hooks';
import { setMaxListeners } from 'node:events';
import pg from 'pg';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { LostTime } from './_lost_time_fixture.ts';
import { caught, until } from './_pg_conformance.ts';
import { AcquireTimeoutError, LeaseReleasedError, PoolQueueFullError } from './errors.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

describe('asking for a connection', () => {
  let pool: Pool;
  const make = (options: PoolOptions = {}): Pool => {
    pool = new Pool({ connectionString: inject('postgresUrl'), max: 1, ...options });
    return pool;
  };
  afterEach(() => pool[Symbol.asyncDispose]());

  test('a lease gives its client, once', async () => {
    make();
    const lease = await pool.getConnection({ label: 'report' });
    expect((await lease.connection.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    expect(pool.connections()[0]).toMatchObject({ state: 'leased', label: 'report' });
    expect(() => lease.connection.release()).toThrow('release() of the lease');
    await lease.release();
    expect(() => lease.connection).toThrow('lease 1 is over');
    expect(() => lease.release()).toThrow();
    expect(pool.idleCount).toBe(1);
  });

  test('a connection is listed with its backend, its age, its uses and its holder', async () => {
    make();
    await pool.query('select 1');
    await using lease = await pool.getConnection();
    const { rows } = await lease.connection.query('select pg_backend_pid() as pid');
    const [info] = pool.connections();
    expect(info).toMatchObject({ state: 'leased', uses: 1, backendPid: rows[0].pid });
    expect(info?.heldMs).toBeGreaterThan(0);
    expect(info?.ageMs).toBeGreaterThan(info?.heldMs as number);
  });

  test('what is no AbortSignal is refused before anything waits for it, and costs nobody a connection', async () => {
    make();
    const lease = await pool.getConnection();
    const signal = { aborted: false } as AbortSignal;
    for (const refused of [
      pool.getConnection({ signal }),
      pool.transaction(() => 1, { signal }),
      pool.query({ text: 'select 1', signal }),
    ]) {
      expect(await caught(refused)).toMatchObject({ code: 'ERR_POOL_INVALID_OPTION' });
    }
    await lease.release();
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    expect(pool.stats()).toMatchObject({ waiting: 0, leased: 0, idle: 1 });
  });

  test('F62 a client goes home to its own pool, whoever gives it back', async () => {
    make();
    await using other = new Pool({ connectionString: inject('postgresUrl'), max: 1 });
    const [mine, theirs] = [await pool.connect(), await other.connect()];
    // As a wrapper with two pools may do: the function of one, for the client of the other.
    mine.release.call(theirs);
    expect([pool.idleCount, other.idleCount]).toEqual([1, 0]);
    expect(() => mine.release()).toThrow('already been released to the pool');
    theirs.release(new Error('broken'));
    expect([pool.idleCount, other.totalCount]).toEqual([1, 0]);
    await using lease = await pool.getConnection();
    await using further = await other.getConnection();
    await lease.release();
    expect(() => lease.release()).toThrow(LeaseReleasedError);
    expect(further.released).toBe(false);
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  test('leases tell pg-pool’s events as well', async () => {
    make();
    const told: string[] = [];
    for (const event of ['connect', 'acquire', 'release', 'remove'] as const) {
      pool.on(event, () => void told.push(event));
    }
    await (await pool.getConnection()).release();
    const broken = await pool.getConnection();
    await broken.release(new Error('broken'));
    expect(told).toEqual(['connect', 'acquire', 'release', 'acquire', 'release', 'remove']);
  });

  test('withConnection gives it back whatever becomes of it', async () => {
    make();
    expect(await pool.withConnection(() => 'result')).toBe('result');
    const failure = new Error('mine');
    expect(await caught(pool.withConnection(() => Promise.reject(failure)))).toBe(failure);
    expect(pool.idleCount).toBe(1);
  });

  test.each(['connect', 'query', 'getConnection', 'withConnection', 'transaction'] as const)(
    'F60 a timeout says from where %s() took the connection that is held longest',
    async (way) => {
      make({ connectionTimeoutMillis: 40, acquireStackEveryMs: 0 });
      // A first use: an idle connection and a new one are handed out on different ways.
      await (await pool.getConnection({ timeoutMs: 20_000 })).release();
      const held = holdBy(pool, way);
      const error = await caught(pool.connect());
      const { longestHeld } = (error as unknown as AcquireTimeoutError).situation;
      expect(longestHeld?.acquiredFrom).toMatch(/^\s+at holdBy .*pg_acquire_test/);
      expect(error.message).toMatch(/acquired at .*pg_acquire_test\.ts:\d+:\d+/);
      expect(pool.connections()[0]?.acquiredFrom).toBe(longestHeld?.acquiredFrom);
      await held;
      expect(pool.connections()[0]?.acquiredFrom).toBeUndefined();
    },
  );

  test('F60 a timeout says how full the pool is, who holds longest, and which limit passed', async () => {
    make({ name: 'orders', connectionTimeoutMillis: 40 });
    const lease = await pool.getConnection({ label: 'monthly report', timeoutMs: 5_000 });
    const error = await caught(pool.connect());
    expect(error).toBeInstanceOf(AcquireTimeoutError);
    expect(error.message).toMatch(/^timeout exceeded when trying to connect/);
    for (const part of ['orders', '1 of 1', '1 leased', 'monthly report', 'acquireTimeoutMs 40']) {
      expect(error.message).toContain(part);
    }
    const own = await caught(pool.getConnection({ timeoutMs: 20 }));
    expect(own).toMatchObject({ deadline: 'timeoutMs', timeoutMs: 20, because: 'busy' });
    await lease.release();
  });

  test('with a limit, a caller sits out a server that cannot be reached, and is told the cause', async () => {
    make({ connectionString: 'postgres://u@127.0.0.1:1/x', connectionTimeoutMillis: 150 });
    const error = await caught(pool.connect());
    expect(error).toBeInstanceOf(AcquireTimeoutError);
    expect(error['because']).toBe('down');
    expect((error.cause as { code: string }).code).toBe('ECONNREFUSED');
    expect(pool.state).toBe('down');
  });

  test('F02 F03 a wrong database fails at once, limit or not, with the server’s own error', async () => {
    const url = new URL(inject('postgresUrl'));
    url.pathname = '/no_such_database_here';
    make({ connectionString: url.href, connectionTimeoutMillis: 60_000, max: 4 });
    const alone = performance.now();
    await caught(new pg.Client({ connectionString: url.href }).connect());
    const soloMs = performance.now() - alone;
    using lost = new LostTime();
    const begun = performance.now();
    const errors = await Promise.all(Array.from({ length: 8 }, () => caught(pool.connect())));
    for (const error of errors) expect(error.code).toBe('3D000');
    expect(performance.now() - begun).toBeLessThan(200 + soloMs + lost.ms);
    expect(pool.stats().createFailures).toBeLessThanOrEqual(8);
  });

  test('maxWaiting refuses one more', async () => {
    make({ maxWaiting: 1 });
    const client = await pool.connect();
    const waiting = pool.connect();
    const error = await caught(pool.connect());
    expect(error).toBeInstanceOf(PoolQueueFullError);
    expect(error.code).toBe('ERR_POOL_QUEUE_FULL');
    client.release();
    (await waiting).release();
  });

  test('a queued callback and query run in the context they came from', async () => {
    make();
    const storage = new AsyncLocalStorage<string>();
    const client = await pool.connect();
    const seen: (string | undefined)[] = [];
    const callback = storage.run(
      'callback',
      () =>
        new Promise<void>((resolve) => {
          pool.connect((_error, _client, done) => {
            seen.push(storage.getStore());
            done();
            resolve();
          });
        }),
    );
    const query = storage.run(
      'query',
      () =>
        new Promise<void>((resolve) => {
          void pool.query('select 1', () => {
            seen.push(storage.getStore());
            resolve();
          });
        }),
    );
    storage.run('releaser', () => client.release());
    await Promise.all([callback, query]);
    expect(seen).toEqual(['callback', 'query']);
  });

  test('F49 thousands of waiters are served in order', async () => {
    make({ max: 2 });
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 3_000 }, async (_, i) => {
        const client = await pool.connect();
        order.push(i);
        client.release();
      }),
    );
    expect(order).toEqual(Array.from({ length: 3_000 }, (_, i) => i));
    pool.manager.pool.assertInvariants();
  });

  test('F48 a storm of cancelled callers loses nobody', async () => {
    make({ max: 2 });
    let [served, aborted] = [0, 0];
    const abort = new AbortController();
    setMaxListeners(0, abort.signal);
    const callers = Array.from({ length: 5_000 }, async (_, i) => {
      try {
        await pool.withConnection(
          () => void served++,
          i % 10 === 0 ? {} : { signal: abort.signal },
        );
      } catch {
        aborted++;
      }
    });
    abort.abort();
    await Promise.all(callers);
    expect(served + aborted).toBe(5_000);
    expect(served).toBeGreaterThanOrEqual(500);
    expect(pool.waitingCount).toBe(0);
    pool.manager.pool.assertInvariants();
  });

  test('minConnections are opened in the background and replaced when lost', async () => {
    make({ max: 4, minConnections: 3 });
    await pool.query('select 1');
    const { state } = pool;
    expect(state).toBe('ready');
    await until('the minimum is open', () => pool.idleCount === 3);
    const client = await pool.connect();
    client.release(true);
    expect(pool.totalCount).toBe(2);
    await until('it is open again', () => pool.idleCount === 3);
    expect(pool.stats().created).toBe(4);
  });

  test('resize, evictIdle, suspend and resume act on the running pool', async () => {
    make({ max: 3 });
    await pool.warm(3);
    expect(pool.totalCount).toBe(3);
    pool.resize({ max: 2 });
    expect([pool.totalCount, pool.options.max]).toEqual([2, 2]);
    expect(pool.evictIdle()).toBe(2);
    pool.suspend();
    const waiting = pool.query('select 1 as one');
    expect(pool.waitingCount).toBe(1);
    pool.resume();
    expect((await waiting).rows).toEqual([{ one: 1 }]);
    expect(pool.explain()).toContain('pg');
    expect(pool.stats().max).toBe(2);
    await until('the evicted are closed', () => pool.metrics().totalConnections === 1);
  });
});

/** Holds the pool's connection for a while. */
async function holdBy(
  pool: Pool,
  way: 'connect' | 'query' | 'getConnection' | 'withConnection' | 'transaction',
): Promise<void> {
  const working = 'select pg_sleep(0.2)';
  switch (way) {
    case 'query':
      await pool.query(working);
      return;
    case 'withConnection':
      await pool.withConnection((client) => client.query(working));
      return;
    case 'transaction':
      await pool.transaction((client) => client.query(working));
      return;
    case 'connect': {
      const client = await pool.connect();
      await client.query(working);
      client.release();
      return;
    }
    case 'getConnection': {
      const lease = await pool.getConnection();
      await lease.connection.query(working);
      await lease.release();
    }
  }
}
