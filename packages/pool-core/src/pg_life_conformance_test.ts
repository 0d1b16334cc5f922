import pg from 'pg';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { caught, delay, inside, next, PoolMaker, poolClasses, until } from './_pg_conformance.ts';

for (const [name, PoolClass, identity] of poolClasses) {
  describe(`${name}: events, timeouts, hooks, end`, () => {
    const pools = new PoolMaker(PoolClass, inject('postgresUrl'));
    afterEach(() => pools.endAll());

    test('connect, acquire, release and remove are told in order, with their client', async () => {
      const pool = pools.make();
      const told: unknown[][] = [];
      pool.on('connect', (client) => void told.push(['connect', identity(client)]));
      pool.on('acquire', (client) => void told.push(['acquire', identity(client)]));
      pool.on('release', (error, client) => void told.push(['release', error, identity(client)]));
      pool.on('remove', (client) => void told.push(['remove', identity(client)]));
      const client = await pool.connect();
      client.release();
      (await pool.connect()).release();
      const error = new Error('broken');
      const known = identity(client);
      (await pool.connect()).release(error);
      await until('removed', () => told.length === 8);
      expect(told).toEqual([
        ['connect', known],
        ['acquire', known],
        ['release', undefined, known],
        ['acquire', known],
        ['release', undefined, known],
        ['acquire', known],
        ['release', error, known],
        ['remove', known],
      ]);
    });

    test('pool.query tells acquire and release, once each', async () => {
      const pool = pools.make({ max: 2 });
      let [acquired, released] = [0, 0];
      pool.on('acquire', () => void acquired++);
      pool.on('release', () => void released++);
      await Promise.all(Array.from({ length: 10 }, () => pool.query('select 1')));
      expect([acquired, released]).toEqual([10, 10]);
    });

    test('a query of a connect listener runs before the first user of the client', async () => {
      const pool = pools.make();
      pool.on('connect', (client) => {
        void client.query("set application_name to 'prepared'");
      });
      const { rows } = await pool.query("select current_setting('application_name') as a");
      expect(rows).toEqual([{ a: 'prepared' }]);
    });

    test('an error of an idle client is the pool’s, names the client, and removes it', async () => {
      const pool = pools.make();
      const client = await pool.connect();
      client.release();
      const told = next<[Error & { client: unknown }, unknown]>(pool, 'error');
      client.emit('error', new Error('on purpose'));
      const [error, errorClient] = await told;
      expect(error.message).toBe('on purpose');
      expect([identity(error.client), identity(errorClient)]).toEqual([
        identity(client),
        identity(client),
      ]);
      expect([pool.totalCount, pool.idleCount]).toEqual([0, 0]);
    });

    test('an error of a lent client is the borrower’s alone', async () => {
      const pool = pools.make();
      let ofThePool = 0;
      pool.on('error', () => void ofThePool++);
      const client = await pool.connect();
      const told = next<[Error]>(client, 'error');
      client.emit('error', new Error('yours'));
      expect((await told)[0].message).toBe('yours');
      expect([ofThePool, pool.totalCount]).toEqual([0, 1]);
      client.release();
    });

    test('a backend that is terminated while idle is removed and replaced on demand', async () => {
      const pool = pools.make();
      const { rows } = await pool.query('select pg_backend_pid() as pid');
      const told = next<[Error & { code: string }]>(pool, 'error');
      const other = pools.make();
      await other.query('select pg_terminate_backend($1)', [rows[0].pid]);
      expect((await told)[0].code).toBe('57P01');
      expect((await pool.query('select pg_backend_pid() as pid')).rows[0].pid).not.toBe(
        rows[0].pid,
      );
    });

    test('an idle client is closed after idleTimeoutMillis', async () => {
      const pool = pools.make({ idleTimeoutMillis: 10 });
      const removed = next(pool, 'remove');
      await pool.query('select 1');
      await removed;
      expect([pool.totalCount, pool.idleCount]).toEqual([0, 0]);
    });

    test('idleTimeoutMillis 0 keeps an idle client', async () => {
      const pool = pools.make({ idleTimeoutMillis: 0 });
      await pool.query('select 1');
      await delay(60);
      expect(pool.idleCount).toBe(1);
    });

    test('a lent client does not time out', async () => {
      const pool = pools.make({ idleTimeoutMillis: 1 });
      for (let i = 0; i < 5; i++) {
        const client = await pool.connect();
        await delay(10);
        await client.query('select 1');
        client.release();
        expect([pool.totalCount, pool.idleCount]).toEqual([1, 1]);
      }
    });

    test('min clients are spared by the idle timeout, and none is opened for it', async () => {
      const pool = pools.make({ max: 3, min: 1, idleTimeoutMillis: 10 });
      await delay(50);
      expect(pool.totalCount).toBe(0);
      const clients = [await pool.connect(), await pool.connect(), await pool.connect()];
      for (const client of clients) client.release();
      await until('shrunk', () => pool.totalCount === 1);
      await delay(50);
      expect([pool.totalCount, pool.idleCount]).toEqual([1, 1]);
    });

    test('a client is closed after maxUses', async () => {
      const pool = pools.make({ max: 1, maxUses: 2 });
      const first = await pool.connect();
      first.release();
      const again = await pool.connect();
      expect(identity(again)).toBe(identity(first));
      const waiting = pool.connect();
      again.release();
      const second = await waiting;
      expect(identity(second)).not.toBe(identity(first));
      second.release();
    });

    test('maxUses and maxLifetimeSeconds go below min', async () => {
      const used = pools.make({ max: 1, min: 1, maxUses: 1 });
      await used.query('select 1');
      await delay(30);
      expect(used.totalCount).toBe(0);
      const old = pools.make({ max: 1, min: 1, maxLifetimeSeconds: 1 });
      await old.query('select 1');
      await until('retired', () => old.totalCount === 0, 3_000);
    });

    test('a lent client past maxLifetimeSeconds is expired and closed at its release', async () => {
      const pool = pools.make({ maxLifetimeSeconds: 1 });
      const client = await pool.connect();
      await until('expired', () => pool.expiredCount === 1, 3_000);
      expect(pool.totalCount).toBe(1);
      client.release();
      expect([pool.expiredCount, pool.totalCount]).toEqual([0, 0]);
    });

    test('onConnect is awaited before the first use, once per client', async () => {
      let calls = 0;
      const pool = pools.make({
        onConnect: async (client) => {
          calls++;
          await client.query("set application_name to 'hooked'");
        },
      });
      for (let i = 0; i < 2; i++) {
        const { rows } = await pool.query("select current_setting('application_name') as a");
        expect(rows).toEqual([{ a: 'hooked' }]);
      }
      expect(calls).toBe(1);
    });

    test('a failing onConnect fails the caller, leaves nothing, and the next may succeed', async () => {
      let failures = 2;
      const pool = pools.make({
        onConnect: () => {
          if (failures-- > 0) throw new Error('not yet');
        },
      });
      expect((await caught(pool.connect())).message).toBe('not yet');
      expect((await caught(pool.query('select 1'))).message).toBe('not yet');
      expect(pool.totalCount).toBe(0);
      (await pool.connect()).release();
    });

    test('verify is asked for new clients only, and its refusal reaches the caller', async () => {
      const answers: (Error | undefined)[] = [new Error('nope'), undefined];
      let asked = 0;
      const pool = pools.make({
        verify: (_client, done) => {
          asked++;
          done(answers.shift());
        },
      });
      expect((await caught(pool.connect())).message).toBe('nope');
      expect(pool.totalCount).toBe(0);
      (await pool.connect()).release();
      (await pool.connect()).release();
      expect(asked).toBe(2);
    });

    test('log is told what the pool does', async () => {
      const messages: string[] = [];
      const pool = pools.make({
        maxUses: 1,
        log: (message: string) => void messages.push(message),
      });
      await pool.query('select 1');
      expect(messages).toContain('remove expended client');
    });

    test('the Client option decides what is connected, and its connect is looked up each time', async () => {
      class Mine extends pg.Client {}
      const pool = pools.make({ Client: Mine as never });
      const original = Mine.prototype.connect;
      Mine.prototype.connect = function (this: pg.Client, callback?: unknown) {
        (callback as (error: Error) => void)(new Error('patched'));
      } as never;
      expect((await caught(pool.connect())).message).toBe('patched');
      Mine.prototype.connect = original;
      const client = await pool.connect();
      expect(client).toBeInstanceOf(Mine);
      client.release();
    });

    test('what a client is made with is looked up for each: an option or a hook changed meanwhile is used', async () => {
      const pool = pools.make({ application_name: 'before' });
      Object.assign(pool.options, {
        application_name: 'changed',
        onConnect: (client: pg.ClientBase) => client.query("set time zone 'Asia/Tokyo'"),
      });
      const { rows } = await pool.query(
        "select current_setting('application_name') as name, current_setting('timezone') as zone",
      );
      expect(rows).toEqual([{ name: 'changed', zone: 'Asia/Tokyo' }]);
    });

    test('a Client may be a plain function that gives connect and on, and nothing else', async () => {
      const pool = pools.make({
        Client: function Plain() {
          return {
            connect: (callback: (error: Error) => void) => callback(new Error('plain')),
            on: () => {},
          };
        } as never,
      });
      expect((await caught(pool.connect())).message).toBe('plain');
    });

    test('end() waits for lent clients, refuses new work, and is once only', async () => {
      const pool = pools.make();
      const client = await pool.connect();
      let ended = false;
      const end = pool.end().then(() => {
        ended = true;
      });
      expect(pool.ending).toBe(true);
      const refusal = 'Cannot use a pool after calling end on the pool';
      expect((await caught(pool.connect())).message).toBe(refusal);
      expect((await caught(pool.query('select 1'))).message).toBe(refusal);
      expect((await caught(pool.end())).message).toBe('Called end on pool more than once');
      await client.query('select 1');
      expect(ended).toBe(false);
      client.release();
      await end;
      expect([pool.ended, pool.totalCount]).toEqual([true, 0]);
    });

    test('end() with callbacks: once it worked, then it is an error', async () => {
      const pool = pools.make();
      const end = (): Promise<Error | undefined> =>
        new Promise((resolve) => {
          const returned: unknown = pool.end(((error?: Error) => resolve(error)) as () => void);
          expect(returned).toBeUndefined();
        });
      expect(await end()).toBeUndefined();
      expect((await end())?.message).toBe('Called end on pool more than once');
      const errors: (Error | undefined)[] = [];
      pool.connect((error) => void errors.push(error));
      void pool.query('select 1', (error: Error) => void errors.push(error));
      await until('both told', () => errors.length === 2);
      for (const error of errors) expect(error?.message).toContain('Cannot use a pool');
    });

    test('end() lets queries finish for which there is room', async () => {
      const pool = pools.make({ max: 20 });
      const queries = Array.from({ length: 20 }, () => pool.query('select 1 as n'));
      await pool.end();
      for (const { rows } of await Promise.all(queries)) expect(rows).toEqual([{ n: 1 }]);
      expect(inside(pool)._clients).toHaveLength(0);
    });
  });
}
