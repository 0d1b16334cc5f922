/** Queries that wait for a lane: none is late, and none is executed that its caller was told not to be. */
import { startFaultProxy } from '@fynlo/services/fault-proxy';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { LATE_MS } from './_fault_fixture.ts';
import { LostTime } from './_lost_time_fixture.ts';
import { caught, delay, until } from './_pg_conformance.ts';
import { ONE_LANE, proxiedLanes } from './_pg_lanes_fixture.ts';
import type { PoolOptions } from './pg_options.ts';

const table = `lanes_waiting_${process.pid}`;
const insert = `insert into ${table} values ($1)`;
let admin: pg.Client;
beforeAll(async () => {
  admin = new pg.Client({ connectionString: inject('postgresUrl') });
  await admin.connect();
  await admin.query(`drop table if exists ${table}; create table ${table} (n int)`);
});
afterAll(async () => {
  await admin.query(`drop table ${table}`);
  await admin.end();
});

async function written(): Promise<number[]> {
  const { rows } = await admin.query(`select n from ${table} order by n`);
  await admin.query(`truncate ${table}`);
  return rows.map(({ n }) => n);
}

function proxied(options: PoolOptions = {}) {
  return proxiedLanes(startFaultProxy, inject('postgresUrl'), {
    max: 1,
    pipelining: { ...ONE_LANE, window: 2 },
    ...options,
  });
}

describe('the deadline of a query that waits behind a full lane', () => {
  test('is connectionTimeoutMillis: it is kept, the error says so, and nothing of it is executed later', async () => {
    await using setting = await proxied({ connectionTimeoutMillis: 1_000 });
    const { pool, lanes } = setting;
    await pool.query('select 1');
    const abort = new AbortController();
    const full = [1, 2].map(() =>
      caught(pool.query({ text: 'select pg_sleep(60)', signal: abort.signal })),
    );
    await until('it is full', () => lanes().inFlight === 2);
    using lost = new LostTime();
    const waited: number[] = [];
    const late: number[] = [];
    const asked = Array.from({ length: 30 }, async (_, n) => {
      await delay(n * 5);
      const begun = performance.now();
      const lostBefore = lost.ms;
      const error = await caught(pool.query(insert, [n]));
      waited.push(performance.now() - begun);
      late.push(performance.now() - begun - 1_000 - (lost.ms - lostBefore));
      return error;
    });
    for (const error of await Promise.all(asked)) {
      expect(error).toMatchObject({ code: 'ERR_POOL_ACQUIRE_TIMEOUT', timeoutMs: 1_000 });
      expect(error.message).toContain('timeout exceeded when trying to connect');
      expect(error.message).toContain('acquireTimeoutMs 1000');
    }
    expect(Math.max(...late)).toBeLessThan(LATE_MS);
    expect(Math.min(...waited)).toBeGreaterThanOrEqual(999);
    expect(pool.waitingCount).toBe(0);
    abort.abort();
    await Promise.all(full);
    await until('the lane is free', () => lanes().inFlight === 0);
    // Whatever had been kept would be sent now, ahead of these.
    await Promise.all([100, 101, 102].map((n) => pool.query(insert, [n])));
    expect(await written()).toEqual([100, 101, 102]);
    expect(pool.stats().acquireTimeouts).toBe(30);
  });

  test('is not its query_timeout: as in pg, that begins when the query is sent', async () => {
    await using setting = await proxied({
      connectionTimeoutMillis: 10_000,
      pipelining: { ...ONE_LANE, window: 1 },
    });
    const { pool, lanes } = setting;
    await pool.query('select 1');
    const full = pool.query('select pg_sleep(1.3)');
    const timed = { query_timeout: 1_000 };
    const waits = pool.query({ text: 'select 1 as n', ...timed } as pg.QueryConfig);
    const stops = caught(pool.query({ text: 'select pg_sleep(60)', ...timed } as never));
    expect(lanes()).toMatchObject({ inFlight: 1, queued: 2 });
    await full;
    // It has waited for longer than its own limit by now.
    expect((await waits).rows).toEqual([{ n: 1 }]);
    using lost = new LostTime();
    const begun = performance.now();
    expect((await stops).message).toBe('Query read timeout');
    expect(performance.now() - begun - lost.ms).toBeLessThan(1_000 + LATE_MS);
    // Stopped on the server as well: the lane is free.
    await until('it is stopped', () => lanes().inFlight === 0);
    expect(lanes().lanes).toBe(1);
    expect(lanes().cancelled).toBeGreaterThan(0);
  });
});

test('F75 a signal that fires after a lane was lost and before its queries are sent again settles them once, and nothing is executed', async () => {
  await using setting = await proxied({ pipelining: { ...ONE_LANE, window: 8 } });
  const { pool, proxy, lanes } = setting;
  const { rows } = await pool.query('select pg_backend_pid() as pid');
  const abort = new AbortController();
  const head = caught(pool.query('select pg_sleep(60)'));
  const settled = new Map<number, string[]>();
  const ask = (n: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const told: string[] = [];
      settled.set(n, told);
      const config = { text: insert, values: [n], ...(signal === undefined ? {} : { signal }) };
      void pool.query(config as never, (error: Error | undefined) => {
        const { code, maybeExecuted } = (error ?? {}) as Record<string, unknown>;
        told.push(error ? `${code} ${maybeExecuted}` : 'done');
        resolve();
      });
    });
  // Behind the head seven in flight, of which five will be given up, and three that were not sent yet.
  const given = [0, 2, 4, 6, 8].map((n) => ask(n, abort.signal));
  const kept = [1, 3, 5, 7, 9].map((n) => ask(n));
  await until('it is full', () => lanes().inFlight === 8 && lanes().queued === 3);
  await until('the head runs', async () => {
    const seen = await admin.query('select state from pg_stat_activity where pid = $1', [
      rows[0].pid,
    ]);
    return seen.rows[0]?.state === 'active';
  });
  // A new connection takes seconds: those that come back have nowhere to go.
  proxy.set('delay', { delayMs: 2_000, existing: false });
  await admin.query('select pg_terminate_backend($1)', [rows[0].pid]);
  expect(await head).toMatchObject({ code: '57P01', maybeExecuted: true });
  await until('the others are back in the queue', () => lanes().queued === 10);
  expect(lanes()).toMatchObject({ retried: 7, inFlight: 0 });
  abort.abort();
  await Promise.all(given);
  expect(lanes().queued).toBe(5);
  proxy.set('pass');
  await Promise.all(kept);
  expect(Object.fromEntries(settled)).toEqual(
    Object.fromEntries(
      Array.from({ length: 10 }, (_, n) => [
        n,
        [n % 2 === 0 ? 'ERR_POOL_ACQUIRE_ABORTED undefined' : 'done'],
      ]),
    ),
  );
  expect(await written()).toEqual([1, 3, 5, 7, 9]);
  // No place was lost: as many fit as before.
  expect(pool.waitingCount).toBe(0);
  const full = Array.from({ length: 9 }, () => pool.query('select pg_sleep(0.01)'));
  expect(lanes()).toMatchObject({ inFlight: 8, queued: 1 });
  await Promise.all(full);
  pool.manager.pool.assertInvariants();
});
