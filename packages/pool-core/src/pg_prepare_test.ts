import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { until } from './_pg_conformance.ts';
import { StatementNames } from './_pg_statement_names.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

function preparing(options: PoolOptions): Pool {
  const pool = new Pool({ connectionString: inject('postgresUrl'), prepare: 'auto', ...options });
  pool.on('error', () => {});
  return pool;
}

const PREPARED = 'select array_agg(name order by name) as names from pg_prepared_statements';
const kinds: [string, PoolOptions][] = [
  ['on connections of their own', { max: 1 }],
  ['in a lane', { max: 2, pipelining: { maxLanes: 1, lingerMs: 60_000 } }],
];

for (const [where, options] of kinds) {
  test(`a statement is named from its second use on, ${where}`, async () => {
    await using pool = preparing(options);
    await pool.detectPooler();
    for (let i = 0; i < 5; i++) {
      expect((await pool.query('select $1::int as n', [i])).rows).toEqual([{ n: i }]);
    }
    await pool.query({ name: 'mine', text: 'select 1 as one' });
    expect((await pool.query(PREPARED)).rows).toEqual([{ names: ['fynlo_1', 'mine'] }]);
    expect(pool.stats().created).toBe(1);
  });

  test(`F76 DDL while a prepared statement is in use reaches no caller, ${where}`, async () => {
    const table = `prepared_${where.length}`;
    await using aside = new Pool({ connectionString: inject('postgresUrl') });
    await aside.query(
      `drop table if exists ${table}; create table ${table} (id int); insert into ${table} values (1)`,
    );
    await using pool = preparing(options);
    let done = false;
    let answers = 0;
    const callers = Array.from({ length: 8 }, async () => {
      while (!done) {
        const { rows } = await pool.query(`select * from ${table} where id = $1`, [1]);
        expect(rows[0].id).toBe(1);
        answers++;
      }
    });
    for (let i = 0; i < 5; i++) {
      const before = answers;
      await until('it is in use', () => answers > before + 50);
      await aside.query(`alter table ${table} add column c${i} int default ${i}`);
    }
    const before = answers;
    await until('it goes on', () => answers > before + 50);
    done = true;
    await Promise.all(callers);
    const { rows } = await pool.query(`select * from ${table} where id = $1`, [1]);
    expect(rows).toEqual([{ id: 1, c0: 0, c1: 1, c2: 2, c3: 3, c4: 4 }]);
    expect(pool.stats().destroyed).toEqual({});
    await aside.query(`drop table ${table}`);
  });

  test(`F76 a statement that the server has lost is prepared again, ${where}`, async () => {
    await using pool = preparing({
      ...options,
      pipelining: options.pipelining && { maxLanes: 1, lingerMs: 0 },
    });
    await pool.detectPooler();
    for (let i = 0; i < 3; i++) await pool.query('select $1::int as n', [i]);
    const client = await pool.connect();
    await client.query('deallocate fynlo_1');
    client.release();
    const again = await Promise.all([1, 2, 3].map((i) => pool.query('select $1::int as n', [i])));
    expect(again.map(({ rows }) => rows[0].n)).toEqual([1, 2, 3]);
  });

  test(`a connection keeps at most 256 statements, and the 128 that were used last, ${where}`, async () => {
    await using pool = preparing(options);
    await pool.detectPooler();
    const textOf = (i: number): string => `select ${i} + $1::int as n`;
    const use = async (i: number): Promise<void> => {
      const { rows } = await pool.query(textOf(i), [1]);
      expect(rows).toEqual([{ n: i + 1 }]);
    };
    for (let i = 0; i < 300; i++) {
      // It has a name from its second use on.
      await use(i);
      await use(i);
      if (i % 50 === 0) await use(0);
    }
    const { rows } = await pool.query('select statement from pg_prepared_statements');
    const kept = new Set(rows.map(({ statement }) => statement));
    expect(rows.length).toBeLessThanOrEqual(256);
    expect(kept.has(textOf(0))).toBe(true);
    const last = Array.from({ length: 127 }, (_, i) => textOf(299 - i));
    expect(last.filter((text) => !kept.has(text))).toEqual([]);
    expect(kept.has(textOf(1))).toBe(false);
    // One that was pushed out is prepared again.
    await use(1);
    expect(pool.stats()).toMatchObject({ created: 1, destroyed: {} });
  });

  test(`an error of a prepared statement is its own, ${where}`, async () => {
    await using pool = preparing(options);
    const codes: unknown[] = [];
    for (let i = 0; i < 4; i++) {
      const both = await Promise.allSettled([
        pool.query('select * from no_such_table where id = $1', [1]),
        pool.query('select * from no_such_table where id = $1', [2]),
      ]);
      for (const one of both) codes.push((one as PromiseRejectedResult).reason.code);
    }
    expect(codes).toEqual(new Array(8).fill('42P01'));
  });
}

test('what has a name, several statements or other commands is sent as it is', async () => {
  await using pool = preparing({ max: 1 });
  for (let i = 0; i < 3; i++) {
    await pool.query('select 1; select 2');
    await pool.query('begin');
    await pool.query('commit');
    await pool.query('show server_version');
  }
  expect((await pool.query(PREPARED)).rows).toEqual([{ names: null }]);
});

test('a connection keeps no more statements than it may, also while they are in use in a pipeline', async () => {
  const names = new StatementNames(() => true, 8);
  const client = new pg.Client({
    connectionString: inject('postgresUrl'),
    pipeline: true,
  } as never);
  await client.connect();
  try {
    for (let round = 0; round < 4; round++) {
      const results = await Promise.all(
        Array.from({ length: 60 }, (_, i) => {
          const text = `select ${i % 20} + $1::int as n`;
          return client.query({ name: names.nameFor(client, text) as string, text, values: [i] });
        }),
      );
      expect(results.map(({ rows }) => rows[0].n)).toEqual(
        Array.from({ length: 60 }, (_, i) => (i % 20) + i),
      );
    }
    // Those of the last round were unconfirmed as they were to be closed; used anew, they go.
    for (let i = 0; i < 20; i++) {
      const text = `select 'alone ${i}' as n`;
      names.nameFor(client, text);
      await client.query({ name: names.nameFor(client, text) as string, text });
    }
    const { rows } = await client.query('select count(*)::int as n from pg_prepared_statements');
    expect(rows[0].n).toBeLessThanOrEqual(8);
  } finally {
    await client.end();
  }
});
