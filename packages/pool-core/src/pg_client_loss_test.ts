import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { caught, delay, next, until } from './_pg_conformance.ts';
import { Pool } from './pool.ts';

describe('F69 a client that dies', () => {
  let pool: Pool;
  let admin: pg.Client;
  const uncaught: unknown[] = [];
  const note = (error: unknown): void => void uncaught.push(error);
  beforeEach(async () => {
    pool = new Pool({ connectionString: inject('postgresUrl'), max: 2 });
    admin = new pg.Client({ connectionString: inject('postgresUrl') });
    await admin.connect();
    process.on('uncaughtException', note);
  });
  afterEach(async () => {
    await pool[Symbol.asyncDispose]();
    await admin.end();
    process.removeListener('uncaughtException', note);
    expect(uncaught.splice(0)).toEqual([]);
  });
  const terminate = (client: pg.Client): Promise<unknown> =>
    admin.query('select pg_terminate_backend($1, 5000)', [
      (client as unknown as { processID: number }).processID,
    ]);

  test('while lent and doing nothing does not end the process, and is closed at its release', async () => {
    const client = await pool.connect();
    const ended = next(client, 'end');
    await terminate(client);
    await ended;
    expect(pool.totalCount).toBe(1);
    expect(await caught(client.query('select 1'))).toBeInstanceOf(Error);
    client.release();
    expect(pool.totalCount).toBe(0);
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  test('before the COMMIT of its transaction has not executed it: it was never sent', async () => {
    const error = await caught(
      pool.transaction(async (client) => {
        const ended = next(client, 'end');
        await terminate(client);
        await ended;
      }),
    );
    expect(error).toMatchObject({ code: 'ERR_POOL_CONNECTION_LOST', maybeExecuted: false });
  });

  test('while idle leaves the pool; without an error listener that is no reason to end the process', async () => {
    const client = await pool.connect();
    client.release();
    await terminate(client);
    await until('it is closed', () => pool.stats().destroyed['connection-error'] === 1);
    expect(pool.totalCount).toBe(0);
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  test('while idle is told to an error listener', async () => {
    const client = await pool.connect();
    client.release();
    const told = next<[Error & { code: string; client: unknown }, unknown]>(pool, 'error');
    await terminate(client);
    const [error, sender] = await told;
    expect([error.code, error.client, sender]).toEqual(['57P01', client, client]);
  });

  test('because somebody ended it is never lent again', async () => {
    const client = await pool.connect();
    client.release();
    void client.end();
    const other = await pool.connect();
    expect(other).not.toBe(client);
    other.release();
  });

  test('under a lease fails the lease’s statements, not the process', async () => {
    const lease = await pool.getConnection();
    const ended = next(lease.connection, 'end');
    await terminate(lease.connection);
    await ended;
    await caught(lease.connection.query('select 1'));
    await lease.release();
    expect(pool.totalCount).toBe(0);
  });

  test('F68 a listener or callback that throws leaves the pool working', async () => {
    const thrown: unknown[] = [];
    process.removeListener('uncaughtException', note);
    const catchOne = (error: unknown): void => void thrown.push(error);
    process.on('uncaughtException', catchOne);
    pool.once('connect', () => {
      throw new Error('of a listener');
    });
    await pool.query('select 1');
    const held = [await pool.connect(), await pool.connect()];
    pool.connect(() => {
      throw new Error('of a callback');
    });
    const waiting = pool.query('select 1 as one');
    held[0]?.release();
    held[1]?.release();
    expect((await waiting).rows).toEqual([{ one: 1 }]);
    await delay(20);
    process.removeListener('uncaughtException', catchOne);
    expect(thrown.map(String)).toEqual(['Error: of a listener', 'Error: of a callback']);
    // The throwing callback never gave its client back.
    pool.manager.pool.assertInvariants();
    await pool.end({ graceMs: 0 });
  });

  test('F68 a hook that never settles is given up at the connect deadline', async () => {
    const hanging = new Pool({
      connectionString: inject('postgresUrl'),
      connectTimeoutMs: 200,
      onConnect: () => new Promise<void>(() => {}),
    });
    expect((await caught(hanging.connect())).code).toBe('ERR_POOL_CONNECT_TIMEOUT');
    expect(hanging.totalCount).toBe(0);
    await hanging.end();
  });
});
