/** Several servers, and names that lead to several addresses, to none, or elsewhere. */
import type { LookupFunction } from 'node:net';
import { type FaultProxy, startFaultProxy } from '@fynlo/services/fault-proxy';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { caught, until } from './_pg_conformance.ts';
import { AcquireTimeoutError, ConnectTimeoutError } from './errors.ts';
import { NoSuitableHostError, QueryAbortedError } from './pg_errors.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

const url = new URL(inject('postgresUrl'));
const target = { host: url.hostname, port: Number(url.port) };

/** A resolver under the test's control. */
class Names {
  answers: string[] = [];
  /** Never answers. */
  stalls = false;
  asked = 0;

  readonly lookup: LookupFunction = (name, _options, answer) => {
    this.asked++;
    if (this.stalls) return;
    const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' });
    const found = this.answers.map((address) => ({ address, family: 4 }));
    setImmediate(() => {
      if (found.length === 0) answer(error, []);
      else answer(null, found);
    });
  };
}

let a: FaultProxy;
let b: FaultProxy;
let names: Names;
let pool: Pool | undefined;

beforeEach(async () => {
  names = new Names();
  // One port, so that they can be two addresses of one name.
  a = await startFaultProxy(target);
  b = await startFaultProxy(target, { host: '127.0.0.2', port: a.port });
});

afterEach(async () => {
  names.stalls = false;
  await pool?.end({ graceMs: 0 });
  pool = undefined;
  await Promise.all([a.close(), b.close()]);
});

function make(options: PoolOptions): Pool {
  pool = new Pool({
    user: url.username,
    database: url.pathname.slice(1),
    connectionTimeoutMillis: 10_000,
    addressTimeoutMs: 400,
    ...options,
  });
  return pool;
}

const listed = (options: PoolOptions = {}): Pool =>
  make({ hosts: [place(a), place(b)], ...options });
const named = (options: PoolOptions = {}): Pool =>
  make({ host: 'db.test', port: a.port, lookup: names.lookup, ...options });

function place({ host, port }: FaultProxy): { host: string; port: number } {
  return { host, port };
}

/** Holds `count` clients at once, so that there are as many connections. */
async function fill(count: number): Promise<void> {
  const clients = await Promise.all(Array.from({ length: count }, () => pool?.connect()));
  for (const client of clients) client?.release();
}

describe('a list of hosts', () => {
  test('is tried in order: the second is not asked while the first will do', async () => {
    listed();
    await fill(3);
    expect([a.accepted, b.accepted]).toEqual([3, 0]);
  });

  test('may be a connection string, with what is wanted of the server', async () => {
    const hosts = `${a.host}:${a.port},${b.host}:${b.port}`;
    const connectionString = `postgres://${url.username}@${hosts}${url.pathname}?target_session_attrs=read-write`;
    a.set('refuse');
    pool = new Pool({ connectionString, connectionTimeoutMillis: 10_000 });
    const { rows } = await pool.query('select current_database() as name');
    expect(rows[0].name).toBe(url.pathname.slice(1));
    expect(b.accepted).toBe(1);
  });

  test('leaves a host that refuses at once, and keeps to the one that worked', async () => {
    listed();
    a.set('refuse');
    await fill(1);
    a.set('pass');
    await fill(3);
    expect([a.accepted, b.accepted]).toEqual([0, 3]);
  });

  test('F32 leaves a silent host after its own time, and does not pay for it twice', async () => {
    listed({ max: 3 });
    a.set('accept-silent');
    await fill(1);
    const paid = a.accepted;
    await fill(3);
    expect([paid, a.accepted, b.accepted]).toEqual([1, 1, 3]);
  });

  test('goes on to the next host from one that breaks off the login', async () => {
    listed({ max: 1 });
    a.set('reset');
    await fill(1);
    expect(b.accepted).toBe(1);
  });

  test('stops at the first host that refuses the database: another would as well', async () => {
    listed({ database: 'there_is_none' });
    expect((await caught((pool as Pool).connect())).code).toBe('3D000');
    expect(b.accepted).toBe(0);
  });

  test('says of each host why it would not do; callers with a limit wait until then', async () => {
    listed({ connectionTimeoutMillis: 900 });
    a.set('refuse');
    b.set('accept-silent');
    const error = await caught((pool as Pool).connect());
    expect(error).toBeInstanceOf(AcquireTimeoutError);
    const cause = error['cause'] as NoSuitableHostError;
    expect(cause).toBeInstanceOf(NoSuitableHostError);
    expect(cause.code).toBe('ERR_POOL_NO_SUITABLE_HOST');
    const told = new Map(cause.attempts.map((attempt) => [attempt.host, attempt.reason]));
    expect(told.get(a.host)).toContain('ECONNREFUSED');
    expect(told.get(b.host)).toMatch(/did not answer within \d+ ms/);
    expect(error.message).toContain(`${a.host}:${a.port}`);
    expect((pool as Pool).explain()).toMatch(/Servers:\n- 127\.0\.0\.1:\d+: .*not taken/);
  });

  test('serves those who wait as soon as one host is back', async () => {
    listed();
    a.set('refuse');
    b.set('refuse');
    const waiting = (pool as Pool).query('select 1 as one');
    await until('down', () => pool?.state === 'down');
    b.set('pass');
    expect((await waiting).rows).toEqual([{ one: 1 }]);
  });

  test('with loadBalanceHosts, connections are spread', async () => {
    listed({ loadBalanceHosts: true, max: 30 });
    await fill(30);
    expect(a.accepted + b.accepted).toBe(30);
    expect(Math.min(a.accepted, b.accepted)).toBeGreaterThan(0);
  });

  test('a server that is not what is wanted is told apart from one that is down', async () => {
    const connectionString = `postgres://${url.username}@${a.host}:${a.port}${url.pathname}`;
    pool = new Pool({ connectionString, targetSessionAttrs: 'standby' });
    const error = await caught(pool.connect());
    expect(error).toBeInstanceOf(NoSuitableHostError);
    expect(error.message).toContain('is not a standby');
    expect(pool.totalCount).toBe(0);
  });
});

describe('F32 a name', () => {
  test('with two addresses, one of them dead, costs no time where that one refuses', async () => {
    named({ addressTimeoutMs: 60_000, connectTimeoutMs: 60_000 });
    names.answers = [a.host, b.host];
    a.set('refuse');
    await fill(3);
    expect([a.accepted, b.accepted]).toEqual([0, 3]);
  });

  test('with two addresses, one of them silent, costs that time once', async () => {
    named({ max: 3 });
    names.answers = [a.host, b.host];
    a.set('accept-silent');
    await fill(1);
    await fill(3);
    expect([a.accepted, b.accepted]).toEqual([1, 3]);
  });

  test('whose addresses all refuse fails as pg does, with the code of the first', async () => {
    named({ connectionTimeoutMillis: 0 });
    names.answers = [a.host, b.host];
    a.set('refuse');
    b.set('refuse');
    const error = await caught((pool as Pool).connect());
    expect(error.code).toBe('ECONNREFUSED');
    expect((error as unknown as AggregateError).errors).toHaveLength(2);
  });

  test('that is unknown for a while is waited for', async () => {
    named();
    const waiting = (pool as Pool).query('select 1 as one');
    await until('several questions', () => names.asked >= 3);
    names.answers = [b.host];
    expect((await waiting).rows).toEqual([{ one: 1 }]);
    expect(b.accepted).toBe(1);
  });

  test('that is unknown is told as such where nobody waits', async () => {
    named({ connectionTimeoutMillis: 0 });
    expect((await caught((pool as Pool).connect())).code).toBe('ENOTFOUND');
  });

  test('whose resolver does not answer ends at the deadline, and the pool goes on', async () => {
    named({ connectionTimeoutMillis: 400 });
    names.stalls = true;
    const error = await caught((pool as Pool).connect());
    expect(error).toBeInstanceOf(AcquireTimeoutError);
    names.stalls = false;
    names.answers = [a.host];
    await until('served', async () => {
      const served = await (pool as Pool).query('select 1').catch(() => undefined);
      return served !== undefined;
    });
  });

  test('whose resolver does not answer fails with a time-out where nobody waits', async () => {
    named({ connectionTimeoutMillis: 0, connectTimeoutMs: 300 });
    names.stalls = true;
    expect(await caught((pool as Pool).connect())).toBeInstanceOf(ConnectTimeoutError);
  });

  test('that leads elsewhere takes new connections there at once, and idle ones slowly after it', async () => {
    const moves: number[] = [];
    named({ max: 20, serverCheckIntervalMs: 100 });
    (pool as Pool).observe({
      serverChanged: (event) => {
        expect(event).toMatchObject({ what: 'address-gone', host: 'db.test', address: a.host });
        moves.push(event.connections);
      },
    });
    names.answers = [a.host];
    const held = await (pool as Pool).connect();
    await fill(5);
    expect(a.accepted).toBe(6);
    names.answers = [b.host];
    await until('moved', () => a.connections <= 1);
    // 5 % a second of 6 connections is less than one in 100 ms: one at a time.
    expect(moves.every((count) => count === 1)).toBe(true);
    await held.query('select 1');
    held.release();
    await until('the held one, too', () => a.connections === 0);
    await fill(3);
    expect(b.accepted).toBeGreaterThanOrEqual(3);
    expect((pool as Pool).stats().destroyed).toEqual({ outdated: 6 });
  });

  test('that cannot be resolved for a while costs no connection', async () => {
    named({ serverCheckIntervalMs: 20 });
    names.answers = [a.host];
    await fill(2);
    names.answers = [];
    const before = names.asked;
    await until('several looks', () => names.asked > before + 5);
    expect((pool as Pool).totalCount).toBe(2);
  });

  test('that leads elsewhere by now does not mislead a cancel request', async () => {
    named({ serverCheckIntervalMs: 0 });
    names.answers = [a.host];
    await fill(1);
    names.answers = [];
    const signal = AbortSignal.timeout(200);
    const query = (pool as Pool).query({ text: 'select pg_sleep(20)', signal });
    const error = await caught(query);
    expect(error).toBeInstanceOf(QueryAbortedError);
    expect(error['maybeExecuted']).toBe(false);
  });
});
