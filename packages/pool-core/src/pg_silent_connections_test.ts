import { startFaultProxy } from '@fynlo/services/fault-proxy';
import { expect, inject, test } from 'vitest';
import { LostTime } from './_lost_time_fixture.ts';
import { ConnectionLostError } from './errors.ts';
import { Pool } from './pool.ts';

/** A pool that reaches the server through a proxy, for as long as the test runs. */
async function proxied(options: object = {}) {
  const { hostname, port } = new URL(inject('postgresUrl'));
  const proxy = await startFaultProxy({ host: hostname, port: Number(port) });
  const pool = new Pool({ connectionString: proxy.url(inject('postgresUrl')), max: 4, ...options });
  return {
    proxy,
    pool,
    async [Symbol.asyncDispose]() {
      proxy.set('pass');
      proxy.cutAll('reset');
      await pool.end({ graceMs: 500 });
      await proxy.close();
    },
  };
}

test.each([
  ['both ways', 'blackhole'],
  ['from the server only', 'blackhole-to-client'],
  ['to the server only', 'blackhole-to-server'],
] as const)(
  'F13 F14 connections that fall silent %s are found, refused, and replaced',
  async (_, mode) => {
    await using setting = await proxied();
    const { pool, proxy } = setting;
    await Promise.all(Array.from({ length: 4 }, () => pool.query('select pg_sleep(0.05)')));
    proxy.set(mode, { existing: true, fresh: false });
    using lost = new LostTime();
    const begun = performance.now();
    const [first] = await Promise.allSettled([pool.query('select 1')]);
    expect(first).toMatchObject({ status: 'rejected' });
    const error = (first as PromiseRejectedResult).reason as ConnectionLostError;
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error.maybeExecuted).toBe(true);
    expect(performance.now() - begun).toBeLessThan(3_500 + lost.ms);
    // The other three were idle then, and as dead: they are not handed out any more.
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => pool.query('select 2 as two')),
    );
    expect(answers.every(({ rows }) => rows[0].two === 2)).toBe(true);
    expect(performance.now() - begun).toBeLessThan(5_000 + lost.ms);
  },
);

test('F17 a slow statement of a healthy server is left alone, also in a transaction and with a cursor open', async () => {
  await using setting = await proxied({ silenceTimeoutMs: 300 });
  const { pool } = setting;
  const client = await pool.connect();
  await client.query('begin');
  await client.query('declare c cursor for select generate_series(1, 10)');
  await client.query('fetch 1 from c');
  const slow = await client.query('select pg_sleep(2.5), 1 as one');
  expect(slow.rows[0].one).toBe(1);
  const rest = await client.query('fetch all from c');
  expect(rest.rowCount).toBe(9);
  await client.query('commit');
  client.release();
  expect(pool.stats().destroyed).toEqual({});
});

test('a client that is lent and thinks, or listens, is never asked about', async () => {
  await using setting = await proxied({ silenceTimeoutMs: 200 });
  const { pool } = setting;
  const client = await pool.connect();
  await client.query('listen somewhere');
  const before = await backends();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect((await backends()) - before).toBeLessThanOrEqual(0);
  expect((await client.query('select 1 as one')).rows[0].one).toBe(1);
  client.release();

  async function backends(): Promise<number> {
    const { rows } = await client.query(
      `select count(*)::int as n from pg_stat_activity where application_name = current_setting('application_name') and usename = current_user and backend_start > now() - interval '1 second'`,
    );
    return rows[0].n;
  }
});

test('silenceTimeoutMs: 0 switches it off', async () => {
  await using setting = await proxied({ silenceTimeoutMs: 0 });
  const { pool, proxy } = setting;
  await pool.query('select 1');
  proxy.set('blackhole', { existing: true, fresh: false });
  let settled = false;
  const lost = pool.query('select 1').then(
    () => {
      settled = true;
    },
    () => {
      settled = true;
    },
  );
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  expect(settled).toBe(false);
  proxy.set('pass');
  proxy.cutAll('reset');
  await lost;
});
