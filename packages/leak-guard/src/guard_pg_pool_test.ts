import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { type GuardedPgPool, guardPgPool } from './guard_pg_pool.ts';
import { pgClientOf } from './pg_client_lease.ts';
import type { LeaseObserver } from './pool_attachment.ts';

let pool: pg.Pool;
let guarded: GuardedPgPool;
let told: string[];
const observer: LeaseObserver = {
  tracksLeases: true,
  acquiring: () => void told.push('acquiring'),
  acquired: ({ lease }) => void told.push(lease === undefined ? 'acquired' : 'acquired lease'),
  released: () => void told.push('released'),
  rejected: ({ code }) => void told.push(`rejected ${code}`),
  created: () => void told.push('created'),
  destroyed: ({ reason }) => void told.push(`destroyed ${reason}`),
};

beforeEach(() => {
  pool = new pg.Pool({ connectionString: inject('postgresUrl'), max: 2 });
  guarded = guardPgPool(pool);
  told = [];
});

afterEach(async () => {
  guarded.close();
  await pool.end();
});

describe('while observed', () => {
  beforeEach(() => {
    guarded.observe(observer);
  });

  test('connect() gives a new object each time that behaves as the client', async () => {
    const first = await pool.connect();
    const client = pgClientOf(first);
    expect(first).toBeInstanceOf(pg.Client);
    expect(first.constructor).toBe(pg.Client);
    expect(first).not.toBe(client);
    expect((await first.query('select $1::int as i', [7])).rows).toEqual([{ i: 7 }]);
    expect((first as unknown as { processID: number }).processID).toBeGreaterThan(0);
    expect(first.escapeIdentifier('a"b')).toBe('"a""b"');
    expect(first.listenerCount('notice')).toBe(0);
    expect(first.on('notice', () => undefined)).toBe(first);
    expect(first.removeAllListeners('notice')).toBe(first);
    Object.assign(first, { mark: 1 });
    expect(client).toHaveProperty('mark', 1);
    first.release();
    const second = await pool.connect();
    expect(second).not.toBe(first);
    expect(pgClientOf(second)).toBe(client);
    expect((second as unknown as { mark: number }).mark).toBe(1);
    second.release();
  });

  test('release() may be taken off the client, and a second one is refused in the words of pg', async () => {
    const client = await pool.connect();
    await client.query('select 1').finally(client.release);
    expect(pool.idleCount).toBe(1);
    expect(() => client.release()).toThrow(/already been released/);
  });

  test('query and release may be replaced as the documentation of pg suggests', async () => {
    const client = await pool.connect();
    const { query, release } = client;
    const seen: unknown[] = [];
    client.query = ((...args: never[]) => {
      seen.push(args[0]);
      return (query as (...args: never[]) => unknown).apply(client, args);
    }) as typeof query;
    client.release = (error) => {
      seen.push('release');
      release.call(client, error);
    };
    await client.query('select 1');
    client.release();
    expect(seen).toEqual(['select 1', 'release']);
    expect(pool.idleCount).toBe(1);
  });

  test('the callback form gives client and release', async () => {
    const value = await new Promise((resolve, reject) => {
      pool.connect((error, client, release) => {
        if (error || client === undefined) return reject(error);
        void client.query('select 1 as one', (failed, result) => {
          release();
          failed ? reject(failed) : resolve(result.rows[0]);
        });
      });
    });
    expect(value).toEqual({ one: 1 });
    expect(pool.idleCount).toBe(1);
  });

  test('await using releases at the end of the block', async () => {
    {
      await using client = (await pool.connect()) as pg.PoolClient & AsyncDisposable;
      await client.query('select 1');
      expect(pool.idleCount).toBe(0);
    }
    expect(pool.idleCount).toBe(1);
  });

  test('acquires are told from asking to releasing, those of pool.query() without a lease', async () => {
    (await pool.connect()).release();
    await pool.query('select 1');
    expect(told).toEqual([
      'acquiring',
      'created',
      'acquired lease',
      'released',
      'acquiring',
      'acquired',
      'released',
    ]);
    expect(guarded.stats()).toMatchObject({
      state: 'ready',
      size: 1,
      idle: 1,
      leased: 0,
      connecting: 0,
      acquires: 2,
      releases: 2,
      created: 1,
      max: 2,
    });
    expect(guarded.stats().wait).toMatchObject({ count: 2 });
    expect(guarded.stats().use.max).toBeGreaterThan(0);
  });

  test('a failed connect is told as rejected, with the error of pg', async () => {
    const wrong = new pg.Pool({ host: '127.0.0.1', port: 1 });
    const rejected: string[] = [];
    guardPgPool(wrong).observe({ rejected: ({ code }) => void rejected.push(code) });
    await expect(wrong.connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(wrong.query('select 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(rejected).toEqual(['ECONNREFUSED', 'ECONNREFUSED']);
    await wrong.end();
  });

  test('an error of the statement reaches the caller of pool.query() unchanged', async () => {
    await expect(pool.query('select 1/0')).rejects.toMatchObject({ code: '22012' });
  });

  test('reclaim() of an idle session destroys its connection and serves who waits', async () => {
    let leaseId = 0;
    guarded.observe({
      acquired: (event) => {
        leaseId = event.leaseId;
      },
    });
    const first = await pool.connect();
    const second = await pool.connect();
    const waiting = pool.connect();
    expect(guarded.stats()).toMatchObject({ leased: 2, waiting: 1 });
    expect(guarded.reclaim(leaseId, 'test')).toBe(true);
    expect(guarded.reclaim(leaseId, 'test')).toBe(false);
    const third = await waiting;
    expect((await third.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    expect(told).toContain('destroyed reclaimed');
    expect(() => second.release()).toThrow(/already been released/);
    third.release();
    first.release();
  });

  test('reclaim() waits for the statement in flight', async () => {
    let leaseId = 0;
    guarded.observe({
      acquired: (event) => {
        leaseId = event.leaseId;
      },
    });
    const client = await pool.connect();
    const answer = client.query('select pg_sleep(0.3), 5 as five');
    expect(guarded.reclaim(leaseId, 'test')).toBe(true);
    expect((await answer).rows[0].five).toBe(5);
    await expect.poll(() => pool.totalCount).toBe(0);
  });

  test('reclaim() of an unknown lease answers false', () => {
    expect(guarded.reclaim(4711, 'test')).toBe(false);
  });

  test('an observer that throws disturbs nobody', async () => {
    const warnings: Error[] = [];
    const listen = (warning: Error) => void warnings.push(warning);
    process.on('warning', listen);
    const stop = guarded.observe({
      acquired: () => {
        throw new Error('observer');
      },
    });
    (await pool.connect()).release();
    stop();
    await expect.poll(() => warnings.map((w) => w.message)).toEqual(['observer']);
    process.removeListener('warning', listen);
    expect(told).toContain('released');
  });
});

test('while nobody observes the pool gives out its clients as they are', async () => {
  const stop = guarded.observe(observer);
  stop();
  expect(Object.hasOwn(pool, 'connect')).toBe(false);
  const client = await pool.connect();
  expect(pgClientOf(client)).toBe(client);
  client.release();
  expect(told).toEqual([]);
});

test('a pool is guarded once, however often it is asked', () => {
  expect(guardPgPool(pool)).toBe(guarded);
});

test('what is no pool is refused', () => {
  expect(() => guardPgPool({} as never)).toThrow(
    /wants a pg.Pool; the object given has no connect\(\)/,
  );
});
