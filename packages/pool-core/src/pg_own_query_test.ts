import pg from 'pg';
import { describe, expect, inject, test } from 'vitest';
import { queryClassOf } from './_pg_own_query.ts';
import { Pool } from './pool.ts';

const connectionString = inject('postgresUrl');

const shout = (value: string): string => `${value}!`;
const shouting = { getTypeParser: () => shout };

const STATEMENTS: readonly [text: string | pg.QueryConfig, values?: unknown[]][] = [
  [{ text: 'select $1::int as n, $2::text as t', values: [1, 'x'] }],
  [{ text: 'select $1::int as n, $2::text as t', values: [1, 'x'] }, [2, 'y']],
  [{ text: 'select 1 as n, 2 as m', rowMode: 'array' } as pg.QueryArrayConfig],
  [{ text: 'select 1 as n, 2 as m', types: shouting }],
  [{ text: 'select 1 as n, 2 as m' }],
  [{ text: 'select 1 as n, $1::int as m', name: 'named', values: [3] }],
  [{ text: 'select 1 as n, $1::int as m', binary: true, values: [3] } as pg.QueryConfig],
  ['select 1 as n'],
  ['select $1::int as n, $2::text as t, now()::date as d', [1, 'x']],
  ['select n, n * 1.5 as x, null as nothing from generate_series(1, 3) n'],
  ['select 1 as same, 2 as same'],
  ['select 1 as "__proto__", 2 as "constructor", 3 as "toString", 4 as "0"'],
  ['select'],
  ['select 1 as n where false'],
  ['select 1 as a; select 2 as b, 3 as c; select 4 as a'],
  ['select 1 as a; select 2 as a'],
  ['show work_mem'],
  [`select 1 as n -- ${'long '.repeat(500)}`],
];

describe('queries of the pool’s own', () => {
  test('answer as pg’s do, the first time and later', async () => {
    await using pool = new Pool({ connectionString, max: 1 });
    for (const [text, values] of STATEMENTS) {
      const theirs = await pool.withConnection((client) => client.query(text, values));
      for (let i = 0; i < 3; i++) {
        const ours = await pool.query(text, values);
        // Every field of the results, private ones too, and what they are made of.
        expect(ours, JSON.stringify(text)).toStrictEqual(theirs);
        if (!Array.isArray(ours)) expect(Object.keys(ours)).toEqual(Object.keys(theirs));
      }
    }
  });

  test('see columns that have changed', async () => {
    await using pool = new Pool({ connectionString, max: 1, reset: 'never' });
    await pool.query('create temporary table changing (a int, b text)');
    await pool.query("insert into changing values (1, 'x')");
    const all = async (): Promise<unknown> =>
      (await pool.query('select * from changing', [])).rows[0];
    await all();
    expect(await all()).toEqual({ a: 1, b: 'x' });
    await pool.query('alter table changing rename b to c');
    expect(await all()).toEqual({ a: 1, c: 'x' });
    await pool.query('alter table changing add d int default 3');
    expect(await all()).toEqual({ a: 1, c: 'x', d: 3 });
    await pool.query('alter table changing drop a');
    expect(await all()).toEqual({ c: 'x', d: 3 });
    await pool.query('alter table changing alter d type text');
    expect(await all()).toEqual({ c: 'x', d: '3' });
  });

  test('see parsers that have changed', async () => {
    await using pool = new Pool({ connectionString, max: 1 });
    const one = async (): Promise<unknown> =>
      (await pool.query('select 7::money as price')).rows[0].price;
    await one();
    const before = await one();
    const MONEY = 790;
    const parser = pg.types.getTypeParser(MONEY);
    pg.types.setTypeParser(MONEY as never, (text) => `parsed ${text}`);
    try {
      expect(await one()).toBe(`parsed ${before}`);
    } finally {
      pg.types.setTypeParser(MONEY as never, parser);
    }
    expect(await one()).toBe(before);
  });

  test('are described as an application’s patches have it, whenever these came', async () => {
    await using pool = new Pool({ connectionString, max: 1 });
    type Patched = {
      handleRowDescription(message: { fields: { name: string }[] }): void;
      _result: { addFields(fields: { name: string }[]): void };
    };
    const ask = async (): Promise<unknown> =>
      (await pool.query('select 1 as user_id, $1::int as n', [2])).rows[0];
    await ask();
    expect(await ask()).toEqual({ user_id: 1, n: 2 });
    const query = pg.Query.prototype as unknown as Patched;
    const { handleRowDescription } = query;
    query.handleRowDescription = function (message) {
      for (const field of message.fields) field.name = field.name.toUpperCase();
      handleRowDescription.call(this, message);
    };
    try {
      expect(await ask()).toEqual({ USER_ID: 1, N: 2 });
      expect(await ask()).toEqual({ USER_ID: 1, N: 2 });
    } finally {
      query.handleRowDescription = handleRowDescription;
    }
    const result = Object.getPrototypeOf(await pool.query('select 1')) as Patched['_result'];
    const { addFields } = result;
    result.addFields = function (fields) {
      for (const field of fields) field.name = `${field.name}_`;
      addFields.call(this, fields);
    };
    try {
      expect(await ask()).toEqual({ user_id_: 1, n_: 2 });
      expect(await ask()).toEqual({ user_id_: 1, n_: 2 });
    } finally {
      result.addFields = addFields;
    }
    expect(await ask()).toEqual({ user_id: 1, n: 2 });
  });

  test('share nothing that an application may write to', async () => {
    await using pool = new Pool({ connectionString, max: 1 });
    const ask = (): Promise<pg.QueryResult> => pool.query('select 1 as a, 2 as b');
    await ask();
    const spoiled = await ask();
    spoiled.rows[0].a = 'spoiled';
    spoiled.rows[0].more = 'spoiled';
    Object.assign(spoiled.fields[0] as object, { name: 'spoiled' });
    expect((await ask()).rows).toEqual([{ a: 1, b: 2 }]);
    expect((await ask()).fields.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  test('keep the time limit of a config, and leave the config as it was', async () => {
    await using pool = new Pool({ connectionString, max: 1 });
    const config = { text: 'select pg_sleep(5)', query_timeout: 50 };
    await expect(pool.query(config)).rejects.toThrow('Query read timeout');
    expect(config).toEqual({ text: 'select pg_sleep(5)', query_timeout: 50 });
  });

  test('are of pg’s class where another does something else, and none where there is none', () => {
    type Made = new (text: string, values: unknown) => object;
    const classOf = (Query: unknown): unknown => {
      class Client extends pg.Client {}
      Object.assign(Client, { Query });
      return queryClassOf(new Client());
    };
    const Pgs = pg.Query as unknown as Made;
    expect(classOf(Pgs)).not.toBe(Pgs);
    expect(classOf(Pgs)).toBe(queryClassOf(new pg.Client()));
    expect(new (classOf(Pgs) as Made)('select 1', [])).toBeInstanceOf(Pgs);
    class Counting extends Pgs {
      described = 0;
      handleRowDescription(message: unknown): void {
        this.described++;
        (Pgs.prototype as Counting).handleRowDescription.call(this, message);
      }
    }
    expect(classOf(Counting)).toBe(Counting);
    class Without {}
    expect(classOf(Without)).toBe(Without);
    expect(classOf(undefined)).toBeUndefined();
    expect(classOf({})).toBeUndefined();
  });

  test('are left alone where a client has a class of another kind under that name', async () => {
    class Client extends pg.Client {}
    Object.assign(Client, { Query: class Mine {} });
    await using pool = new Pool({ connectionString, max: 1, Client: Client as never });
    expect((await pool.query('select 1 as n')).rows).toEqual([{ n: 1 }]);
  });
});
