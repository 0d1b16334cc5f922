import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { caught, inside } from './_pg_conformance.ts';
import { afterQueryError } from './_pg_query_error_policy.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

describe('afterQueryError', () => {
  test.each([
    ['23505', 'keep'],
    ['42601', 'keep'],
    ['40001', 'keep'],
    ['57014', 'keep'],
    ['22P02', 'keep'],
    ['57P01', 'destroy'],
    ['08006', 'destroy'],
    ['08P01', 'destroy'],
    ['25006', 'destroy'],
    ['0A000', 'destroy'],
    ['26000', 'destroy'],
    ['42P05', 'destroy'],
    ['58030', 'destroy'],
    ['XX000', 'destroy'],
  ] as const)('%s: %s', (code, verdict) => {
    expect(afterQueryError(Object.assign(new Error('x'), { code }))).toBe(verdict);
  });

  test('an error of the client is no reason, unless the statement still runs', () => {
    expect(afterQueryError(new Error('cannot serialise'))).toBe('keep');
    expect(afterQueryError(new Error('Query read timeout'))).toBe('destroy');
    expect(afterQueryError('thrown text')).toBe('destroy');
  });
});

describe('a failed pool.query', () => {
  let pool: Pool;
  const table = `f06_${process.pid}_${Math.trunc(performance.now() * 1_000)}`;
  const make = (options: PoolOptions = {}): Pool => {
    pool = new Pool({ connectionString: inject('postgresUrl'), max: 1, ...options });
    return pool;
  };
  beforeAll(async () => {
    const admin = new Pool({ connectionString: inject('postgresUrl'), max: 1 });
    await admin.query(`create table ${table} (id int primary key)`);
    await admin.query(`insert into ${table} values (1)`);
    await admin.end();
  });
  afterEach(() => pool[Symbol.asyncDispose]());
  afterAll(async () => {
    const admin = new Pool({ connectionString: inject('postgresUrl'), max: 1 });
    await admin.query(`drop table ${table}`);
    await admin.end();
  });
  const pid = async (): Promise<number> =>
    (await pool.query('select pg_backend_pid() as pid')).rows[0].pid;

  test.each([
    ['a unique violation', `insert into ${table} values (1)`, '23505'],
    ['a syntax error', 'selectt 1', '42601'],
    ['a division by zero amid rows', 'select 1 / (3 - n) from generate_series(1, 5) n', '22012'],
    ['the second of two commands', 'select 1; select 1/0', '22012'],
  ])('%s keeps the connection', async (_, text, code) => {
    make();
    const before = await pid();
    expect((await caught(pool.query(text))).code).toBe(code);
    expect(await pid()).toBe(before);
    expect(pool.stats().created).toBe(1);
  });

  test('a thousand failing statements open no further connection', async () => {
    make({ max: 4 });
    const failures = Array.from({ length: 1_000 }, () =>
      caught(pool.query(`insert into ${table} values (1)`)),
    );
    for (const { code } of await Promise.all(failures)) expect(code).toBe('23505');
    expect(pool.stats().created).toBeLessThanOrEqual(4);
  });

  test('the one that fails inside BEGIN given alone is rolled back', async () => {
    make();
    await pool.query('begin');
    await pid();
    expect(pool.sessionCounts().rolledBack).toBe(1);
    await caught(pool.query('begin; select 1/0'));
    expect(await pid()).toBeGreaterThan(0);
    expect(pool.sessionCounts().rolledBack).toBe(2);
  });

  test('discardOnQueryError: true destroys it', async () => {
    make({ discardOnQueryError: true });
    const before = await pid();
    await caught(pool.query('selectt 1'));
    expect(await pid()).not.toBe(before);
  });

  test('F76 a named statement whose table was altered works again on the next try', async () => {
    make();
    const named = { name: 'f76', text: `select * from ${table}_f76` };
    await pool.query(`create table ${table}_f76 (a int)`);
    await pool.query(named);
    await pool.query(`alter table ${table}_f76 add b int`);
    expect((await caught(pool.query(named))).code).toBe('0A000');
    expect((await pool.query(named)).fields).toHaveLength(2);
    await pool.query(`drop table ${table}_f76`);
  });

  test('a query_timeout destroys the connection, as its statement still runs', async () => {
    make({ query_timeout: 50 });
    const query = caught(pool.query('select pg_sleep(20)'));
    expect((await query).message).toBe('Query read timeout');
    expect(inside(pool)._clients).toHaveLength(0);
  });

  test('a terminated backend fails its statement and is replaced', async () => {
    make();
    const error = await caught(pool.query('select pg_terminate_backend(pg_backend_pid())'));
    expect(error).toBeInstanceOf(Error);
    expect(await pid()).toBeGreaterThan(0);
  });

  test('F30 a server that turns out to read only loses all its connections', async () => {
    make({ max: 3, onConnect: (client) => void client });
    await Promise.all(Array.from({ length: 3 }, () => pool.query('select pg_sleep(0.05)')));
    expect(pool.totalCount).toBe(3);
    const client = await pool.connect();
    const text = `set transaction read only; insert into ${table} values (2)`;
    expect((await caught(pool.query(text))).code).toBe('25006');
    expect(pool.totalCount).toBe(1);
    client.release();
    expect(pool.totalCount).toBe(0);
    expect(await pid()).toBeGreaterThan(0);
    expect(pool.stats().destroyed.outdated).toBe(2);
  });
});
