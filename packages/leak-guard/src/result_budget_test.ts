import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { nextRequestRows } from './_portion_policy.ts';
import { ResultTooLargeError } from './errors.ts';
import { resultBudget } from './result_budget.ts';

let client: pg.Client;

beforeAll(async () => {
  client = new pg.Client({ connectionString: inject('postgresUrl') });
  await client.connect();
});

afterAll(() => client.end());

const usable = async () =>
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);

test('a result within the budget comes whole, with its values parsed as pg does', async () => {
  const result = await resultBudget().query(
    client,
    'select i, i::text as t, $1::jsonb as j, null as n from generate_series(1, 5000) i',
    [{ a: [1] }],
  );
  expect(result.complete).toBe(true);
  expect(result.rows).toHaveLength(5_000);
  expect(result.rows[4_999]).toEqual({ i: 5_000, t: '5000', j: { a: [1] }, n: null });
  expect(result.fields.map((field) => field.name)).toEqual(['i', 't', 'j', 'n']);
  expect(result.bytes).toBeGreaterThan(5_000);
  await usable();
});

test.each([9, 10, 11])('with a budget of 10 rows, %i rows', async (rows) => {
  const asked = resultBudget({ maxRows: 10 }).query(
    client,
    'select generate_series(1, $1::int) i',
    [rows],
  );
  if (rows <= 10) expect((await asked).rows).toHaveLength(rows);
  else await expect(asked).rejects.toBeInstanceOf(ResultTooLargeError);
  await usable();
});

test('L05 a million rows are ended soon after the budget, and the connection goes on', async () => {
  const text = "select i, repeat('x', 200) as filler from generate_series(1, 1000000) i";
  const error = await resultBudget({ maxBytes: 1_000_000 })
    .query(client, text)
    .catch((e: unknown) => e);
  expect(error).toMatchObject({
    code: 'ERR_LEAK_GUARD_RESULT_TOO_LARGE',
    maxBytes: 1_000_000,
    text,
  });
  expect((error as ResultTooLargeError).bytes).toBeGreaterThan(1_000_000);
  expect((error as ResultTooLargeError).bytes).toBeLessThan(1_100_000);
  await usable();
});

test('an error of the statement is told once and the connection goes on', async () => {
  await expect(resultBudget().query(client, 'select 1/0')).rejects.toMatchObject({ code: '22012' });
  await usable();
  await expect(
    resultBudget().query(client, 'select 100/(50-i) from generate_series(1,100) i'),
  ).rejects.toMatchObject({ code: '22012' });
  await usable();
  await expect(resultBudget().query(client, 'selec 1')).rejects.toMatchObject({ code: '42601' });
  await usable();
});

test('values that pg cannot bind are told as pg tells them', async () => {
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  await expect(resultBudget().query(client, 'select $1::jsonb', [circular])).rejects.toThrow(
    /circular/i,
  );
  await usable();
});

test('statements without rows, and an empty one, are complete', async () => {
  expect(await resultBudget().query(client, 'create temp table budget_t (i int)')).toMatchObject({
    complete: true,
  });
  expect(await resultBudget().query(client, 'insert into budget_t values ($1)', [1])).toMatchObject(
    { rows: [] },
  );
  expect(await resultBudget().query(client, '')).toMatchObject({ rows: [], complete: true });
  await usable();
});

describe("onExceed: 'cursor'", () => {
  const budget = resultBudget({ maxRows: 300, onExceed: 'cursor' });

  test('gives the first portion, and the rest portion by portion', async () => {
    const result = await budget.query<{ i: number }>(client, 'select generate_series(1, 1000) i');
    expect(result.complete).toBe(false);
    expect(result.rows).toHaveLength(300);
    const portions: number[] = [];
    let sum = result.rows.reduce((total, { i }) => total + i, 0);
    for await (const rows of result.rest()) {
      portions.push(rows.length);
      sum += rows.reduce((total, { i }) => total + i, 0);
    }
    expect(portions).toEqual([300, 300, 100]);
    expect(sum).toBe(500_500);
    await usable();
  });

  test('leaving the loop early, or close(), frees the client', async () => {
    const first = await budget.query(client, 'select generate_series(1, 1000) i');
    for await (const rows of first.rest()) {
      expect(rows).toHaveLength(300);
      break;
    }
    await usable();
    const second = await budget.query(client, 'select generate_series(1, 1000) i');
    await second.close();
    await second.close();
    await usable();
  });

  test('a result that fits exactly has an empty rest', async () => {
    const result = await budget.query(client, 'select generate_series(1, 300) i');
    const rest: unknown[] = [];
    for await (const rows of result.rest()) rest.push(rows);
    expect(rest).toEqual([]);
    await usable();
  });

  test('a connection lost between portions is told to who reads on', async () => {
    const doomed = new pg.Client({ connectionString: inject('postgresUrl') });
    doomed.on('error', () => undefined);
    await doomed.connect();
    const { rows } = await doomed.query('select pg_backend_pid() as pid');
    const result = await budget.query(doomed, 'select generate_series(1, 1000) i');
    const closed = new Promise((resolve) => doomed.once('end', resolve));
    await client.query('select pg_terminate_backend($1)', [rows[0].pid]);
    await closed;
    await expect(result.rest().next()).rejects.toThrow();
  });
});

test('a client in pipeline mode, or of another driver, is refused', async () => {
  const piped = new pg.Client({
    connectionString: inject('postgresUrl'),
    pipeline: true,
  } as pg.ClientConfig);
  await expect(resultBudget().query(piped, 'select 1')).rejects.toMatchObject({
    code: 'ERR_LEAK_GUARD_UNSUPPORTED',
  });
  await expect(resultBudget().query({ query: () => undefined }, 'select 1')).rejects.toMatchObject({
    code: 'ERR_LEAK_GUARD_UNSUPPORTED',
  });
});

test.each([
  [{ maxRows: 0 }, 'maxRows'],
  [{ maxBytes: Number.NaN }, 'maxBytes'],
  [{ onExceed: 'warn' }, 'onExceed'],
  [{ maxBites: 1 }, 'maxBites'],
])('%j is refused', (options, field) => {
  expect(() => resultBudget(options as never)).toThrow(expect.objectContaining({ field }));
});

test.each([
  [{ rows: 0, bytes: 0, maxRows: Number.POSITIVE_INFINITY, maxBytes: 1e6 }, 32],
  [{ rows: 0, bytes: 0, maxRows: 5, maxBytes: 1e6 }, 5],
  [{ rows: 32, bytes: 3_200, maxRows: Number.POSITIVE_INFINITY, maxBytes: 1e6 }, 512],
  [{ rows: 544, bytes: 54_400, maxRows: Number.POSITIVE_INFINITY, maxBytes: 60_000 }, 56],
  [{ rows: 9_000, bytes: 9_000, maxRows: Number.POSITIVE_INFINITY, maxBytes: 1e9 }, 10_000],
  [{ rows: 90, bytes: 90, maxRows: 100, maxBytes: 1e9 }, 10],
])('after %j the next request asks for %i rows', (facts, rows) => {
  expect(nextRequestRows(facts)).toBe(rows);
});
