import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { caught } from './_pg_conformance.ts';
import { ConnectionLostError, InvalidOptionError } from './errors.ts';
import { TransactionRolledBackError } from './pg_errors.ts';
import { Pool } from './pool.ts';

describe('transaction', () => {
  let pool: Pool;
  const table = `tx_${process.pid}_${Math.trunc(performance.now() * 1_000)}`;
  beforeEach(async () => {
    pool = new Pool({ connectionString: inject('postgresUrl'), max: 3 });
    await pool.query(`create table ${table} (id int primary key, n int)`);
    await pool.query(`insert into ${table} values (1, 0), (2, 0)`);
  });
  afterEach(async () => {
    await pool.query(`drop table ${table}`);
    await pool[Symbol.asyncDispose]();
  });
  const count = async (): Promise<number> =>
    (await pool.query(`select sum(n)::int as n from ${table}`)).rows[0].n;

  test('commits what the function did, and gives its result', async () => {
    const result = await pool.transaction(async (client) => {
      await client.query(`update ${table} set n = n + 1`);
      return 'done';
    });
    expect([result, await count()]).toEqual(['done', 2]);
    expect(pool.idleCount).toBe(pool.totalCount);
  });

  test('rolls back when the function throws, and throws the same', async () => {
    const failure = new Error('mine');
    const error = await caught(
      pool.transaction(async (client) => {
        await client.query(`update ${table} set n = n + 1`);
        throw failure;
      }),
    );
    expect([error, await count()]).toEqual([failure, 0]);
    expect(pool.sessionCounts().rolledBack).toBe(0);
  });

  test('a COMMIT that the server turns into a rollback is an error', async () => {
    const error = await caught(
      pool.transaction(async (client) => {
        await client.query(`update ${table} set n = n + 1`);
        await client.query('select 1/0').catch(() => undefined);
      }),
    );
    expect(error).toBeInstanceOf(TransactionRolledBackError);
    expect(await count()).toBe(0);
  });

  test('begins as it was told', async () => {
    const text =
      "select current_setting('transaction_isolation') i, current_setting('transaction_read_only') r, current_setting('transaction_deferrable') d";
    const options = { isolationLevel: 'serializable', readOnly: true, deferrable: true } as const;
    const { rows } = await pool.transaction((client) => client.query(text), options);
    expect(rows).toEqual([{ i: 'serializable', r: 'on', d: 'on' }]);
    const wrong = caught(pool.transaction(() => 1, { isolationLevel: 'chaos' as never }));
    expect(await wrong).toBeInstanceOf(InvalidOptionError);
    expect(await caught(pool.transaction(() => 1, { retries: -1 }))).toBeInstanceOf(
      InvalidOptionError,
    );
  });

  test('runs again after a serialization failure, as often as allowed', async () => {
    let [attempts, arrived] = [0, 0];
    let bothRead = (): void => {};
    const both = new Promise<void>((resolve) => {
      bothRead = resolve;
    });
    const run = (): Promise<void> =>
      pool.transaction(
        async (client) => {
          attempts++;
          const { rows } = await client.query(`select n from ${table} where id = 1`);
          if (++arrived === 2) bothRead();
          await both;
          await client.query(`update ${table} set n = $1 where id = 1`, [rows[0].n + 1]);
        },
        { isolationLevel: 'serializable', retries: 5 },
      );
    await Promise.all([run(), run()]);
    expect(await count()).toBe(2);
    expect(attempts).toBeGreaterThan(2);
  });

  test('a failure that is not of that kind is not tried again', async () => {
    let attempts = 0;
    const error = await caught(
      pool.transaction(
        (client) => {
          attempts++;
          return client.query('select 1/0');
        },
        { retries: 5 },
      ),
    );
    expect([error.code, attempts]).toEqual(['22012', 1]);
  });

  test.each([
    ['a connection lost under COMMIT', undefined],
    // PgBouncer, when its server went: it does not know either.
    ['a pooler that has lost its server under COMMIT', { severity: 'FATAL', code: '08P01' }],
    // Where a COMMIT waits for a standby, it is done here by then.
    ['a backend that is ended under COMMIT', { severity: 'FATAL', code: '57P01' }],
  ])('%s leaves open what became of it, and says so', async (_, word) => {
    const error = await caught(
      pool.transaction(async (client) => {
        await client.query(`update ${table} set n = n + 1`);
        const query = client.query.bind(client) as (text: string) => Promise<unknown>;
        client.query = ((text: string) => {
          const answer = query(text);
          if (text !== 'COMMIT') return answer;
          client.connection.stream.destroy();
          if (word === undefined) return answer;
          return answer.catch(() => Promise.reject(Object.assign(new Error('lost'), word)));
        }) as never;
      }),
    );
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error['maybeExecuted']).toBe(true);
  });
});
