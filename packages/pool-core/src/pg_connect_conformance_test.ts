import { createServer } from 'node:net';
import pg from 'pg';
import { afterEach, describe, expect, inject, test } from 'vitest';
import {
  caught,
  connectWithCallback,
  inside,
  PoolMaker,
  poolClasses,
  until,
} from './_pg_conformance.ts';

for (const [name, PoolClass, identity] of poolClasses) {
  describe(`${name}: connect and release`, () => {
    const pools = new PoolMaker(PoolClass, inject('postgresUrl'));
    afterEach(() => pools.endAll());

    test('a pool is an instance of pg.Pool and its class is called a Pool', () => {
      const pool = pools.make();
      expect(pool).toBeInstanceOf(pg.Pool);
      expect(Object.getPrototypeOf(pool).constructor.name).toContain('Pool');
    });

    test('the options are copied, filled with the defaults, and hide the password', () => {
      const given = { password: 'secret', max: 3, application_name: 'conformance' };
      const pool = pools.make(given);
      expect(given).toEqual({ password: 'secret', max: 3, application_name: 'conformance' });
      expect(pool.options).toMatchObject({
        max: 3,
        min: 0,
        idleTimeoutMillis: 10_000,
        maxUses: Number.POSITIVE_INFINITY,
        maxLifetimeSeconds: 0,
        allowExitOnIdle: false,
        application_name: 'conformance',
      });
      expect(Object.keys(pool.options)).not.toContain('password');
      expect(pool.options.password).toBe('secret');
      expect(pools.make().options.max).toBe(10);
      expect(pools.make({ poolSize: 4 }).options.max).toBe(4);
    });

    test('a TLS key in the options is hidden from printing', () => {
      const pool = pools.make({ ssl: { key: 'secret' } });
      expect(Object.keys(pool.options.ssl as object)).not.toContain('key');
    });

    test('Client, Promise and log are where libraries look for them', () => {
      const pool = inside(pools.make());
      expect(pool.Client).toBe(pg.Client);
      expect(pool.Promise).toBe(Promise);
      expect(pool.log).toBeTypeOf('function');
    });

    test('a new pool has nothing open, and opens its first client in the tick that asks', async () => {
      const pool = pools.make();
      expect([pool.totalCount, pool.idleCount, pool.waitingCount, pool.expiredCount]).toEqual([
        0, 0, 0, 0,
      ]);
      expect([pool.ending, pool.ended]).toEqual([false, false]);
      const query = pool.query('select 1');
      expect(pool.totalCount).toBe(1);
      expect(inside(pool)._clients).toHaveLength(1);
      await query;
      expect([pool.totalCount, pool.idleCount]).toEqual([1, 1]);
      expect(inside(pool)._idle).toHaveLength(1);
      expect(inside(pool)._idle[0]?.client).toBe(inside(pool)._clients[0]);
    });

    test('connect() gives an unmodified pg.Client with a release function', async () => {
      const pool = pools.make();
      const client = await pool.connect();
      expect(client).toBeInstanceOf(pg.Client);
      expect(client.release).toBeTypeOf('function');
      if (name !== 'Pool with leases') {
        expect(Object.getPrototypeOf(client)).toBe(pg.Client.prototype);
      }
      expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
      client.release();
    });

    test('the options the pool does not know reach the client', async () => {
      const pool = pools.make({
        application_name: 'forwarded',
        statement_timeout: 1234,
        binary: true,
      });
      const client = await pool.connect();
      expect((client as unknown as { binary: boolean }).binary).toBe(true);
      const { rows } = await client.query({
        text: "select current_setting('application_name') a, current_setting('statement_timeout') t",
      });
      expect(rows).toEqual([{ a: 'forwarded', t: '1234ms' }]);
      client.release();
    });

    test('connect(callback) returns nothing and never calls back in the same tick', async () => {
      const pool = pools.make();
      for (const state of ['cold', 'warm']) {
        let called = false;
        const calledLater = new Promise<void>((resolve, reject) => {
          const returned: unknown = pool.connect((error, client, done) => {
            called = true;
            if (error) return reject(error);
            expect(client?.release, state).toBe(done);
            done();
            resolve();
          });
          expect(returned).toBeUndefined();
        });
        expect(called, state).toBe(false);
        await calledLater;
      }
    });

    test('the client that came back last is lent first, as the same object', async () => {
      const pool = pools.make();
      const [first, second] = [await pool.connect(), await pool.connect()];
      first.release();
      second.release();
      const again = await pool.connect();
      expect(identity(again)).toBe(identity(second));
      again.release();
    });

    test('release hands the client to the longest waiter, never opening more than max', async () => {
      const pool = pools.make({ max: 2 });
      const held = [await pool.connect(), await pool.connect()];
      const order: number[] = [];
      const waiters = [0, 1, 2, 3].map(async (i) => {
        const client = await pool.connect();
        order.push(i);
        client.release();
      });
      expect(pool.waitingCount).toBe(4);
      expect(inside(pool)._pendingQueue).toHaveLength(4);
      for (const client of held) client.release();
      await Promise.all(waiters);
      expect(order).toEqual([0, 1, 2, 3]);
      expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([2, 2, 0]);
    });

    test('a burst fills the pool to max', async () => {
      const pool = pools.make({ max: 9 });
      await Promise.all(Array.from({ length: 30 }, () => pool.query('select 1')));
      expect(pool.totalCount).toBe(9);
    });

    test('F61 a second release throws, each time, with the same words', async () => {
      const pool = pools.make();
      const text = 'Release called on client which has already been released to the pool.';
      const client = await pool.connect();
      client.release();
      expect(() => client.release()).toThrow(text);
      expect(() => client.release()).toThrow(text);
      const { done } = await connectWithCallback(pool);
      done();
      expect(() => done()).toThrow(text);
      expect([pool.totalCount, pool.idleCount]).toEqual([1, 1]);
    });

    test('release works detached, awaited, and as done(null, result)', async () => {
      const pool = pools.make();
      const { release } = await pool.connect();
      release();
      const client = await pool.connect();
      await (client.release() as unknown as Promise<void>);
      const { done } = await connectWithCallback(pool);
      done(null, { rows: [] });
      expect([pool.totalCount, pool.idleCount]).toEqual([1, 1]);
    });

    for (const reason of [new Error('broken'), true]) {
      test(`F62 release(${reason instanceof Error ? 'error' : reason}) closes the client`, async () => {
        const pool = pools.make();
        const client = await pool.connect();
        const removed = new Promise((resolve) => pool.once('remove', resolve));
        client.release(reason);
        expect([pool.totalCount, pool.idleCount]).toEqual([0, 0]);
        expect(identity(await removed)).toBe(identity(client));
        expect((await pool.query('select 2 as two')).rows).toEqual([{ two: 2 }]);
      });
    }

    test('a client whose socket died while it was lent is closed at its release', async () => {
      const pool = pools.make({ max: 1 });
      const client = await pool.connect();
      const died = new Promise((resolve) => client.once('error', resolve));
      client.connection.end();
      await died;
      expect([pool.totalCount, pool.idleCount]).toEqual([1, 0]);
      client.release();
      expect([pool.totalCount, pool.idleCount]).toEqual([0, 0]);
      await pool.query('select 1');
    });

    test('a client that was ended while it was lent is closed at its release', async () => {
      const pool = pools.make({ max: 1 });
      const client = await pool.connect();
      void client.end();
      client.release();
      expect(pool.totalCount).toBe(0);
      await pool.query('select 1');
    });

    test('a refused connect reaches the caller as it is, in both forms, and leaves nothing behind', async () => {
      const pool = pools.make({ connectionString: 'postgres://u@127.0.0.1:1/x' });
      expect((await caught(pool.connect())).code).toBe('ECONNREFUSED');
      await new Promise<void>((resolve) => {
        pool.connect((error, client, done) => {
          expect(error).toBeInstanceOf(Error);
          expect(client).toBeUndefined();
          expect(done).toBeTypeOf('function');
          done();
          resolve();
        });
      });
      expect((await caught(pool.query('select 1'))).code).toBe('ECONNREFUSED');
      expect([pool.totalCount, pool.waitingCount]).toEqual([0, 0]);
    });

    test('each waiter of a dead server gets an answer', async () => {
      const server = createServer((socket) => socket.destroy());
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as { port: number };
      const pool = pools.make({ connectionString: `postgres://u@127.0.0.1:${port}/x`, max: 1 });
      const answers = await Promise.all([caught(pool.connect()), caught(pool.connect())]);
      for (const error of answers) expect(error).toBeInstanceOf(Error);
      await new Promise((resolve) => server.close(resolve));
    });

    test('connectionTimeoutMillis bounds the wait for a free client', async () => {
      const pool = pools.make({ connectionTimeoutMillis: 1_000, max: 1 });
      const client = await pool.connect();
      const { message } = await caught(pool.connect());
      expect(message).toMatch(/^timeout exceeded when trying to connect/);
      expect((await caught(pool.query('select 1'))).message).toContain('timeout exceeded');
      expect(pool.waitingCount).toBe(0);
      client.release();
      expect((await pool.query('select 1 as one')).rowCount).toBe(1);
    });

    test('connectionTimeoutMillis bounds a connect to a server that says nothing', async () => {
      const server = createServer((socket) => socket.resume());
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as { port: number };
      const pool = pools.make({
        connectionString: `postgres://u@127.0.0.1:${port}/x`,
        connectionTimeoutMillis: 50,
      });
      for (let i = 0; i < 12; i++)
        expect((await caught(pool.connect())).message).toContain('timeout');
      expect(pool.idleCount).toBe(0);
      await until('the attempts are given up', () => pool.totalCount === 0);
      await new Promise((resolve) => server.close(resolve));
    });

    test('the stack of a refused connect names its caller', async () => {
      const pool = pools.make({ connectionString: 'postgres://u@127.0.0.1:1/x' });
      async function theCallerToFind(): Promise<void> {
        await pool.connect();
      }
      expect((await caught(theCallerToFind())).stack).toContain('theCallerToFind');
    });
  });
}
