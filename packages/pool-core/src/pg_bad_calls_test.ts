/** Nonsense in one call, or from a hook: an error that names it, nobody loses a client, and the pool goes on. */
import pg from 'pg';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { caught, inside, until } from './_pg_conformance.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

let pool: Pool;
const make = (options: PoolOptions = {}): Pool => {
  pool = new Pool({ connectionString: inject('postgresUrl'), max: 1, ...options });
  return pool;
};
afterEach(() => pool[Symbol.asyncDispose]());

async function expectAllWell(): Promise<void> {
  expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  expect(pool.stats()).toMatchObject({ leased: 0, waiting: 0, idle: 1, size: 1 });
  expect(pool.totalCount).toBe(1);
  pool.manager.pool.assertInvariants();
}

describe('a lease is refused before there is a connection for it', () => {
  const nonsense: [option: string, options: unknown][] = [
    ['timeoutMs', { timeoutMs: '50' }],
    ['timeoutMs', { timeoutMs: null }],
    ['timeoutMs', { timeoutMs: Number.NaN }],
    ['label', { label: Symbol('report') }],
    ['minLsn', { minLsn: 5 }],
    ['timeout', { timeout: 5 }],
    ['options', null],
    ['options', 'report'],
  ];
  const inTransaction: [option: string, options: unknown][] = [
    ['isolation', { isolation: 'serializable' }],
    ['isolationLevel', { isolationLevel: 'SERIALIZABLE' }],
    ['readOnly', { readOnly: 'yes' }],
    ['deferrable', { deferrable: 1 }],
    ['retries', { retries: '2' }],
    ['retryDelayMs', { retryDelayMs: -5 }],
    ['retryDelayMs', { retryDelayMs: Number.NaN }],
  ];
  test.each(nonsense)('%s by getConnection() and withConnection(): %o', async (option, options) => {
    make();
    const held = await pool.getConnection();
    for (const refused of [
      pool.getConnection(options as never),
      pool.withConnection(() => 1, options as never),
    ]) {
      expect(await caught(refused)).toMatchObject({ code: 'ERR_POOL_INVALID_OPTION', option });
    }
    await held.release();
    await expectAllWell();
  });

  test.each([...nonsense, ...inTransaction])('%s by transaction(): %o', async (option, options) => {
    make();
    const refused = await caught(pool.transaction(() => 1, options as never));
    expect(refused).toMatchObject({ code: 'ERR_POOL_INVALID_OPTION', option });
    expect(pool.totalCount).toBe(0);
    await expectAllWell();
  });
});

test.each([5, 'callback', {}])('%o for a callback is refused in the call', async (callback) => {
  make();
  const refusal = expect.objectContaining({ code: 'ERR_POOL_INVALID_OPTION', option: 'callback' });
  for (let i = 0; i < 2; i++) {
    expect(() => pool.connect(callback as never)).toThrow(refusal);
    expect(() => pool.query('select 1', [], callback as never)).toThrow(refusal);
    await expectAllWell();
  }
});

test.each([false, true])(
  'with leases: %s cancel() refuses what is no client of the pool, and only that',
  async (leases) => {
    make({ leases });
    const refusal = { code: 'ERR_POOL_INVALID_OPTION', option: 'client' };
    for (const stranger of [undefined, null, 5, {}, new pg.Client()]) {
      expect(await caught(pool.cancel(stranger as never))).toMatchObject(refusal);
    }
    const client = await pool.connect();
    expect(await pool.cancel(client).finally(() => client.release())).toBe(false);
    await expectAllWell();
  },
);

describe('an application’s own code that fails', () => {
  const thrown: string[] = [];
  const note = (error: unknown): void => void thrown.push(String(error));
  test.each(['connecting new client', 'new client connected', 'remove expended client'])(
    'log, at "%s", is an exception of its own',
    async (message) => {
      process.on('uncaughtException', note);
      try {
        make({
          maxUses: 1,
          log: (told: unknown) => {
            if (told === message) throw new Error(message);
          },
        });
        expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
        await until('it is told, and the client gone', () => {
          return thrown.length > 0 && pool.totalCount === 0;
        });
        await pool.end();
        expect(thrown.splice(0)).toContain(`Error: ${message}`);
        expect(pool.totalCount).toBe(0);
      } finally {
        process.removeListener('uncaughtException', note);
      }
    },
  );

  test('a connect that throws in the call is a failed connect, and leaves no client behind', async () => {
    // pg's and Node's own way to refuse this port.
    make({ connectionString: undefined, host: '127.0.0.1', port: 99_999 });
    for (let i = 0; i < 3; i++) {
      expect((await caught(pool.query('select 1'))).code).toBe('ERR_SOCKET_BAD_PORT');
    }
    expect([pool.totalCount, pool.stats().size]).toEqual([0, 0]);
  });

  test.each([[undefined], ['no'], [Object.freeze(new Error('no'))]])(
    'onConnect, with %o, is told to every form of a call, as an error',
    async (failure) => {
      let fails = true;
      make({ onConnect: () => (fails ? Promise.reject(failure) : undefined) });
      for (const told of [
        pool.query('select 1'),
        pool.connect(),
        pool.getConnection(),
        new Promise((_, reject) => pool.query('select 1', (error) => reject(error))),
      ]) {
        const error = await caught(told);
        expect(error).toBeInstanceOf(Error);
        expect(error.message).toMatch(failure === undefined ? /undefined/ : /no$/);
      }
      fails = false;
      await expectAllWell();
    },
  );
});

test.each(['', 0, Number.NaN])('release(%o) is no error, as in pg-pool', async (nothing) => {
  make();
  await using rival = Object.assign(new pg.Pool({ connectionString: inject('postgresUrl') }), {
    [Symbol.asyncDispose]: () => rival.end(),
  });
  for (const each of [rival, pool]) {
    (await each.connect()).release(nothing as never);
    expect(each.idleCount).toBe(1);
  }
  expect(inside(pool)._clients).toHaveLength(1);
});
