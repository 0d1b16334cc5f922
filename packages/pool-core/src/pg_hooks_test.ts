import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { caught, until } from './_pg_conformance.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

describe('F68 a listener that throws', () => {
  const thrown: string[] = [];
  const note = (error: unknown): void => void thrown.push(String(error));
  beforeEach(() => void process.on('uncaughtException', note));
  afterEach(() => {
    process.removeListener('uncaughtException', note);
    thrown.length = 0;
  });

  test.each([
    ['connect', false],
    ['acquire', false],
    ['release', false],
    ['remove', true],
  ] as const)('to "%s" costs nobody a client, whoever waits included', async (event, destroy) => {
    await using pool = new Pool({ connectionString: inject('postgresUrl'), max: 1 });
    pool.on(event as 'connect', () => {
      throw new Error(`of ${event}`);
    });
    const client = await pool.connect();
    const waiting = [pool.query('select 1 as one'), pool.connect()] as const;
    client.release(destroy);
    expect((await waiting[0]).rows).toEqual([{ one: 1 }]);
    (await waiting[1]).release();
    const lease = await pool.getConnection();
    await lease.release();
    await until('it was told', () => thrown.length > 0);
    expect(new Set(thrown)).toEqual(new Set([`Error: of ${event}`]));
    expect(pool.stats()).toMatchObject({ leased: 0, waiting: 0, idle: 1 });
    pool.manager.pool.assertInvariants();
    pool.removeAllListeners(event);
  });
});

describe('F68 a hook that never settles', () => {
  let hangs = true;
  const never = <T>(mended: () => T): (() => T | Promise<never>) => {
    return () => (hangs ? new Promise<never>(() => {}) : mended());
  };
  const { username, password } = new URL(inject('postgresUrl'));
  const hooks: [string, PoolOptions, string][] = [
    ['onConnect', { onConnect: never(() => undefined) }, 'ERR_POOL_CONNECT_TIMEOUT'],
    [
      'verify',
      { verify: (_client: unknown, done: () => void) => void (hangs || done()) } as PoolOptions,
      'ERR_POOL_CONNECT_TIMEOUT',
    ],
    [
      'credentials',
      { credentials: never(() => ({ user: username, password })) },
      'ERR_POOL_CREDENTIALS',
    ],
    [
      'lookup',
      {
        lookup: ((_name: string, _o: unknown, done: (e: null, a: unknown) => void) =>
          void (hangs || done(null, [{ address: '127.0.0.1', family: 4 }]))) as never,
      },
      'ERR_POOL_CONNECT_TIMEOUT',
    ],
  ];
  test.each(hooks)(
    '%s is given up at the connect deadline, and the pool goes on',
    async (name, options, code) => {
      hangs = true;
      const url = new URL(inject('postgresUrl'));
      if (name === 'lookup') url.hostname = 'a.name.that.is.looked.up';
      await using pool = new Pool({
        connectionString: url.href,
        connectTimeoutMs: 200,
        ...options,
      });
      expect(await caught(pool.query('select 1'))).toMatchObject({ code });
      expect(pool.totalCount).toBe(0);
      hangs = false;
      expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    },
  );
});
