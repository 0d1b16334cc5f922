import pg from 'pg';
import { afterEach, describe, expect, inject, test, vi } from 'vitest';
import { isPgPoolsOwn } from './_pg_front_door.ts';
import { Pool } from './pool.ts';

type Connect = (this: pg.Pool, callback?: unknown) => unknown;
// Of pg-pool itself: pg's own Pool is a subclass of it that adds nothing.
const prototype = Object.getPrototypeOf(pg.Pool.prototype) as { connect: Connect };
const original = prototype.connect;

test('pg-pool’s own connect() is known by its text, and nothing else is taken for it', () => {
  expect(isPgPoolsOwn(original)).toBe(true);
  const wrapped: Connect = function (callback) {
    return original.call(this, callback);
  };
  for (const other of [wrapped, original.bind(pg.Pool.prototype), undefined, {}, 'connect']) {
    expect(isPgPoolsOwn(other)).toBe(false);
  }
  expect(isPgPoolsOwn(original)).toBe(true);
});

describe('connect() goes through pg-pool’s when that is patched', () => {
  afterEach(() => {
    prototype.connect = original;
  });

  test('before and after the pool was made, in both forms, until it is unpatched', async () => {
    await using pool = new Pool({ connectionString: inject('postgresUrl'), max: 1 });
    const patched = vi.fn(original);
    const twice = async (): Promise<void> => {
      (await pool.connect()).release();
      await new Promise<void>((resolve, reject) =>
        pool.connect((error, _, done) => {
          done();
          if (error) reject(error);
          else resolve();
        }),
      );
    };
    await twice();
    prototype.connect = patched;
    await twice();
    expect(patched).toHaveBeenCalledTimes(2);
    await pool.query('select 1');
    expect(patched).toHaveBeenCalledTimes(3);
    prototype.connect = original;
    await twice();
    expect(patched).toHaveBeenCalledTimes(3);
  });

  test('and behaves alike whether it does or not', async () => {
    const told: string[][] = [];
    // No spy: it waits for the promise as well, and V8 follows no promise that two wait for back to its caller.
    const patched: Connect = function (callback) {
      return original.call(this, callback);
    };
    for (const connect of [original, patched]) {
      prototype.connect = connect;
      const seen: string[] = [];
      const pool = new Pool({
        connectionString: inject('postgresUrl'),
        max: 1,
        connectionTimeoutMillis: 50,
      });
      for (const event of ['connect', 'acquire', 'release', 'remove'] as const) {
        pool.on(event, () => void seen.push(event));
      }
      // The connect itself may take longer than that.
      await (await pool.getConnection({ timeoutMs: 20_000 })).release();
      const client = await pool.connect();
      const refused = await pool.connect().catch((error: Error) => error);
      seen.push(String((refused as Error).message.split('.')[0]));
      seen.push(/_pg_front_door_test/.test(String((refused as Error).stack)) ? 'own stack' : 'no');
      pool.connect((error, none, done) => {
        seen.push(`${error?.name} ${none} ${typeof done}`);
      });
      process.nextTick(() => seen.push('later tick'));
      seen.push('asked');
      await new Promise((resolve) => setTimeout(resolve, 120));
      client.release();
      const calledBack = new Promise((resolve) =>
        pool.connect((_error, lent, done) => {
          seen.push(String(lent === client));
          done();
          resolve(undefined);
        }),
      );
      seen.push(`asked again: ${pool.idleCount}`);
      await calledBack;
      await pool.end();
      const closed = await pool.connect().catch((error: Error) => error);
      seen.push(String((closed as Error).message));
      told.push(seen);
    }
    expect(told[0]).toEqual(told[1]);
    expect(told[0]).toContain('own stack');
    expect(told[0]?.slice(-1)).toEqual(['Cannot use a pool after calling end on the pool']);
  });
});
