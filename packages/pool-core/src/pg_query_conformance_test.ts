import pg from 'pg';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { caught, inside, PoolMaker, poolClasses } from './_pg_conformance.ts';

for (const [name, PoolClass] of poolClasses) {
  describe(`${name}: query`, () => {
    const pools = new PoolMaker(PoolClass, inject('postgresUrl'));
    afterEach(() => pools.endAll());

    test('takes a text, a text with values, a config, and a config with values', async () => {
      const pool = pools.make({ max: 1 });
      const text = 'select $1::int as n';
      expect((await pool.query('select 1 as n')).rows).toEqual([{ n: 1 }]);
      expect((await pool.query(text, [2])).rows).toEqual([{ n: 2 }]);
      expect((await pool.query({ text, values: [3] })).rows).toEqual([{ n: 3 }]);
      expect((await pool.query({ text }, [4])).rows).toEqual([{ n: 4 }]);
      expect((await pool.query({ text, name: 'n', rowMode: 'array' }, [5])).rows).toEqual([[5]]);
      expect((await pool.query({ text, name: 'n', rowMode: 'array' }, [6])).rows).toEqual([[6]]);
    });

    test('takes a callback in each form, and then returns nothing', async () => {
      const pool = pools.make({ max: 1 });
      type Callback = (error: Error | undefined, result: pg.QueryResult) => void;
      const text = 'select $1::int as n';
      const forms: [string, number, (callback: Callback) => unknown][] = [
        ['text', 1, (callback) => pool.query('select 1 as n', callback)],
        ['text, values', 2, (callback) => pool.query(text, [2], callback)],
        ['config', 3, (callback) => pool.query({ text, values: [3] }, callback)],
      ];
      for (const [form, n, run] of forms) {
        await new Promise<void>((resolve, reject) => {
          let returned = false;
          const result = run((error, answer) => {
            if (error) return reject(error);
            expect(returned, form).toBe(true);
            expect(answer.rows, form).toEqual([{ n }]);
            resolve();
          });
          returned = true;
          expect(result, form).toBeUndefined();
        });
      }
    });

    test('honours types, and a statement with several commands gives several results', async () => {
      const pool = pools.make({ max: 1 });
      const types = { getTypeParser: () => (value: string) => `<${value}>` } as never;
      const typed = { text: 'select 1 as n', types } as pg.QueryConfig;
      expect((await pool.query(typed)).rows).toEqual([{ n: '<1>' }]);
      const several = (await pool.query('select 1 as n; select 2 as n')) as unknown;
      expect((several as pg.QueryResult[]).map((result) => result.rows)).toEqual([
        [{ n: 1 }],
        [{ n: 2 }],
      ]);
    });

    test('an error of the server arrives untouched, with a stack that names the caller', async () => {
      const pool = pools.make();
      async function theCallerToFind(): Promise<void> {
        await pool.query('select * from no_such_table_here');
      }
      const error = await caught(theCallerToFind());
      expect(error).toBeInstanceOf(pg.DatabaseError);
      expect(error.code).toBe('42P01');
      expect(error.stack).toContain('theCallerToFind');
      const viaCallback = await new Promise<Error>((resolve) => {
        void pool.query('select * from no_such_table_here', (failure: Error) => resolve(failure));
      });
      expect(viaCallback).toBeInstanceOf(pg.DatabaseError);
    });

    test('twenty failing statements do not wear the pool out', async () => {
      const pool = pools.make({ max: 1 });
      for (let i = 0; i < 20; i++)
        expect((await caught(pool.query('nonsense'))).code).toBe('42601');
      expect((await pool.query('select 1 as n')).rows).toEqual([{ n: 1 }]);
    });

    test('with discardOnQueryError a failing statement costs its client, as in pg-pool', async () => {
      const pool = pools.make({ discardOnQueryError: true });
      await caught(pool.query('nonsense'));
      expect([pool.totalCount, pool.idleCount]).toEqual([0, 0]);
    });

    test('misuse is an error to the caller and leaves the pool working', async () => {
      const pool = pools.make({ max: 1 });
      await caught(pool.query(null as never));
      await caught(pool.query({} as never));
      await caught(pool.query('select $1', 'not an array' as never));
      const passedFunction = await new Promise<Error>((resolve) => {
        pool.query(((error: Error) => resolve(error)) as never);
      });
      expect(passedFunction.message).toBe(
        'Passing a function as the first parameter to pool.query is not supported',
      );
      expect((await pool.query('select 1 as n')).rows).toEqual([{ n: 1 }]);
    });

    test('values that cannot be serialised are an error to the caller', async () => {
      const pool = pools.make({ max: 1 });
      const value = {
        toPostgres(): never {
          throw new Error('cannot serialise');
        },
      };
      expect((await caught(pool.query('select $1::text', [value]))).message).toBe(
        'cannot serialise',
      );
      expect((await pool.query('select 1 as n')).rows).toEqual([{ n: 1 }]);
    });

    test('the client is back in the pool when the answer is there', async () => {
      const pool = pools.make({ max: 1 });
      await new Promise<void>((resolve, reject) => {
        void pool.query('select 1', (error: Error) => {
          if (error) return reject(error);
          expect(pool.idleCount).toBe(1);
          resolve();
        });
      });
    });

    test('a client that dies under a query ends the query with an error', async () => {
      const pool = pools.make({ max: 1 });
      pool.on('error', () => {});
      const query = caught(pool.query('select pg_sleep(20)'));
      await new Promise((resolve) => setTimeout(resolve, 300));
      void inside(pool)._clients[0]?.end();
      expect(await query).toBeInstanceOf(Error);
    });

    test('one client serves one query at a time', async () => {
      const pool = pools.make({ max: 1 });
      const text = 'select count(*)::int as n from pg_stat_activity where query = $1';
      const answers = await Promise.all(Array.from({ length: 20 }, () => pool.query(text, [text])));
      expect(answers.map(({ rows }) => rows[0].n)).toEqual(Array(20).fill(1));
    });

    test('no listener is left on a client after use', async () => {
      const pool = pools.make({ max: 1 });
      const counts = (client: pg.PoolClient): number[] =>
        ['error', 'end', 'drain', 'notice', 'notification'].map((e) => client.listenerCount(e));
      await pool.query('select 1');
      const client = await pool.connect();
      const before = counts(client);
      client.release();
      for (let i = 0; i < 20; i++) await pool.query('select 1');
      await pool.connect().then((again) => again.release());
      const after = await pool.connect();
      expect(counts(after)).toEqual(before);
      after.release();
    });
  });
}
