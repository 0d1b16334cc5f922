/** Passwords that change, and providers that are slow, fail or never answer. */
import { type FaultProxy, startFaultProxy } from '@fynlo/services/fault-proxy';
import { type RunningPostgres, startPostgres } from '@fynlo/services/postgres';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LostTime } from './_lost_time_fixture.ts';
import { caught, delay, until } from './_pg_conformance.ts';
import { AcquireTimeoutError } from './errors.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

let server: RunningPostgres;
let proxy: FaultProxy;
let admin: pg.Client;
let pool: Pool;

beforeAll(async () => {
  server = await startPostgres({ external: false });
  admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  await admin.query(`create role app login password 'first'`);
});

beforeEach(async () => {
  proxy = await startFaultProxy(server);
  await admin.query(`alter role app password 'first'`);
});

afterEach(async () => {
  await pool.end({ graceMs: 0 });
  await proxy.close();
});

afterAll(async () => {
  await admin?.end();
  await server?.stop();
});

function make(options: PoolOptions): Pool {
  pool = new Pool({
    host: proxy.host,
    port: proxy.port,
    user: 'app',
    database: 'postgres',
    connectionTimeoutMillis: 5_000,
    ...options,
  });
  return pool;
}

async function fill(count: number): Promise<void> {
  const clients = await Promise.all(Array.from({ length: count }, () => pool.connect()));
  for (const client of clients) client.release();
}

describe('F02 a password that is refused', () => {
  test('fails all who wait at once with 28P01, and is tried once a second', async () => {
    make({ password: 'wrong', max: 5 });
    const soloMs = await refusalMs({ password: 'wrong' });
    using lost = new LostTime();
    const begun = performance.now();
    const errors = await Promise.all(Array.from({ length: 20 }, () => caught(pool.connect())));
    expect(errors.map(({ code }) => code)).toEqual(Array.from({ length: 20 }, () => '28P01'));
    // Not their 5 s. SCRAM takes its time on a busy machine, for a plain Client as well.
    expect(performance.now() - begun).toBeLessThan(200 + soloMs + lost.ms);
    const attempts = proxy.accepted;
    const end = performance.now() + 1_500;
    while (performance.now() < end) {
      await caught(pool.connect());
      await delay(10);
    }
    expect(proxy.accepted - attempts).toBeLessThanOrEqual(2);
  });

  test('is mended by a provider that gives the right one, without a restart', async () => {
    let password = 'wrong';
    make({ password: async () => password });
    expect((await caught(pool.connect())).code).toBe('28P01');
    password = 'first';
    await until('mended', async () =>
      pool.query('select 1').then(
        () => true,
        () => false,
      ),
    );
  });
});

/** How long a plain Client takes to be refused. */
async function refusalMs(options: pg.ClientConfig): Promise<number> {
  const { host, port } = proxy;
  const client = new pg.Client({ host, port, user: 'app', database: 'postgres', ...options });
  const begun = performance.now();
  await caught(client.connect());
  return performance.now() - begun;
}

test('F03 a database that the user may not enter fails all who wait at once with 42501, and is tried once a second', async () => {
  await admin.query('create database closed');
  await admin.query('revoke connect on database closed from public');
  make({ password: 'first', database: 'closed', max: 5 });
  const soloMs = await refusalMs({ password: 'first', database: 'closed' });
  using lost = new LostTime();
  const begun = performance.now();
  const errors = await Promise.all(Array.from({ length: 20 }, () => caught(pool.connect())));
  expect(performance.now() - begun).toBeLessThan(200 + soloMs + lost.ms);
  expect(errors.map(({ code }) => code)).toEqual(Array.from({ length: 20 }, () => '42501'));
  const attempts = proxy.accepted;
  const end = performance.now() + 1_200;
  while (performance.now() < end) {
    await caught(pool.connect());
    await delay(10);
  }
  expect(proxy.accepted - attempts).toBeLessThanOrEqual(2);
  await admin.query('grant connect on database closed to public');
  await until('served', async () =>
    pool.query('select 1').then(
      () => true,
      () => false,
    ),
  );
});

describe('F77 a rotated password', () => {
  test('is used by the next connect; connections from before go on', async () => {
    let password = 'first';
    make({ password: () => password, max: 3 });
    const old = await pool.connect();
    await admin.query(`alter role app password 'second'`);
    password = 'second';
    await fill(2);
    expect((await old.query('select current_user as me')).rows).toEqual([{ me: 'app' }]);
    old.release();
    expect(pool.stats()).toMatchObject({ created: 3, createFailures: 0 });
  });

  test('that the shared answer does not know yet is asked for once more, and nobody sees the refusal', async () => {
    let password = 'first';
    let calls = 0;
    make({
      max: 5,
      password: () => {
        calls++;
        return password;
      },
    });
    await fill(1);
    await admin.query(`alter role app password 'second'`);
    password = 'second';
    // Within the second in which answers are shared, four connects at once get the old one.
    await fill(5);
    expect(pool.stats()).toMatchObject({ created: 5, createFailures: 0 });
    expect(calls).toBe(2);
  });

  test('works beside a connection string that names no password', async () => {
    const connectionString = `postgres://app@${proxy.host}:${proxy.port}/postgres`;
    make({ connectionString, password: async () => 'first' });
    await fill(1);
    expect(pool.totalCount).toBe(1);
  });

  test('a password in the connection string wins, as in pg', async () => {
    const connectionString = `postgres://app:first@${proxy.host}:${proxy.port}/postgres`;
    make({ connectionString, password: async () => 'wrong' });
    await fill(1);
    expect(pool.totalCount).toBe(1);
  });
});

describe('F77 a provider', () => {
  test('is called once for connects that begin together, with what pg passes', async () => {
    const asked: unknown[] = [];
    make({
      max: 10,
      password: ((parameters: { host: string; user: string }) => {
        asked.push([parameters.host, parameters.user]);
        return 'first';
      }) as never,
    });
    await fill(10);
    expect(asked).toEqual([[proxy.host, 'app']]);
  });

  test('is not called while the server is down', async () => {
    let calls = 0;
    make({
      connectionTimeoutMillis: 500,
      password: () => {
        calls++;
        return 'first';
      },
    });
    proxy.set('refuse');
    await caught(pool.connect());
    expect(calls).toBe(0);
  });

  test('that fails for a while is waited for, and called by one connect at a time', async () => {
    let calls = 0;
    let broken = true;
    make({
      max: 10,
      password: () => {
        calls++;
        if (broken) throw new Error('the vault is sealed');
        return 'first';
      },
    });
    const waiting = Promise.all(Array.from({ length: 10 }, () => pool.query('select 1')));
    await until('down', () => pool.state === 'down');
    const before = calls;
    await delay(1_000);
    // 50 to 250 ms apart by the prober alone.
    expect(calls - before).toBeLessThan(20);
    broken = false;
    await waiting;
  });

  test('that fails is told in its own words, with a limit as the cause', async () => {
    const error = new Error('the vault is sealed');
    make({
      connectionTimeoutMillis: 300,
      password: async () => {
        throw error;
      },
    });
    const timedOut = await caught(pool.connect());
    expect(timedOut).toBeInstanceOf(AcquireTimeoutError);
    expect(timedOut['cause']).toBe(error);
    await pool.end();
    make({
      connectionTimeoutMillis: 0,
      password: async () => {
        throw error;
      },
    });
    expect(await caught(pool.connect())).toBe(error);
  });

  test('that never answers ends within the connect deadline, is named, and is asked anew', async () => {
    let calls = 0;
    make({
      connectionTimeoutMillis: 0,
      connectTimeoutMs: 500,
      password: () => {
        calls++;
        return calls === 1 ? new Promise<string>(() => {}) : 'first';
      },
    });
    const error = await caught(pool.connect());
    expect(error).toMatchObject({ code: 'ERR_POOL_CREDENTIALS' });
    expect(error.message).toContain('did not answer within 400 ms');
    await fill(1);
    expect(calls).toBe(2);
  });

  test('that is slow delays connects alone: idle connections are lent meanwhile', async () => {
    let slow = false;
    make({
      max: 2,
      password: async () => {
        if (slow) await delay(1_500);
        return 'first';
      },
    });
    const held = await pool.connect();
    await delay(1_100);
    slow = true;
    const waiting = pool.connect();
    await until('asking', () => pool.stats().connecting === 1);
    held.release();
    const client = await waiting;
    expect(client).toBe(held);
    client.release();
    await until('both there', () => pool.idleCount === 2);
  });
});

describe('F77 credentials', () => {
  test('give user and password together, over what the connection string says', async () => {
    await admin.query(`drop role if exists app_b`);
    await admin.query(`create role app_b login password 'of b'`);
    let given = { user: 'app', password: 'first' };
    const connectionString = `postgres://nobody:nothing@${proxy.host}:${proxy.port}/postgres`;
    make({ connectionString, credentials: async () => given });
    const me = async (client: pg.ClientBase): Promise<string> =>
      (await client.query('select current_user as me')).rows[0].me;
    const first = await pool.connect();
    expect(await me(first)).toBe('app');
    given = { user: 'app_b', password: 'of b' };
    await delay(1_100);
    const second = await pool.connect();
    expect(await me(second)).toBe('app_b');
    first.release();
    second.release();
  });

  test('of now are used to ask about silent connections, not those of the last login', async () => {
    let password = 'first';
    make({ credentials: async () => ({ user: 'app', password }), max: 1, silenceTimeoutMs: 300 });
    await pool.query('select 1');
    password = 'second';
    await admin.query(`alter role app password 'second'`);
    // Logins that begin together share an answer.
    await delay(1_100);
    proxy.set('blackhole', { fresh: false });
    const lost = await caught(pool.query('select 1'));
    expect(lost).toMatchObject({ code: 'ERR_POOL_CONNECTION_LOST', maybeExecuted: true });
    proxy.set('pass');
  });

  test('of the wrong form are refused with what is wanted', async () => {
    make({ connectionTimeoutMillis: 0, credentials: (() => 'secret') as never });
    expect((await caught(pool.connect())).message).toContain('{ user, password }');
  });
});
