import { startFaultProxy } from '@fynlo/services/fault-proxy';
import { expect, inject, test } from 'vitest';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

/** A pool behind a proxy that can make new connections slow to open, while those there are stay fast. */
async function proxied(options: PoolOptions) {
  const { hostname, port } = new URL(inject('postgresUrl'));
  const proxy = await startFaultProxy({ host: hostname, port: Number(port) });
  const pool = new Pool({ connectionString: proxy.url(inject('postgresUrl')), ...options });
  return {
    proxy,
    pool,
    async [Symbol.asyncDispose]() {
      await pool.end({ graceMs: 500 });
      await proxy.close();
    },
  };
}

test('F42 fifty statements of 2 ms on five warm connections open hardly any more when a connect takes 150 ms', async () => {
  await using setting = await proxied({ max: 50, minConnections: 5 });
  const { pool, proxy } = setting;
  proxy.set('delay', { delayMs: 75 });
  await pool.warm(5);
  proxy.set('pass', { existing: true, fresh: false });
  const statement = () => pool.query('select pg_sleep(0.002)');
  // It learns what a statement takes, as every service has.
  for (let i = 0; i < 20; i++) await statement();
  const begun = performance.now();
  await Promise.all(Array.from({ length: 50 }, statement));
  // 20 ms are the least; a busy machine takes longer, but nobody waited for a connect.
  expect(performance.now() - begun).toBeLessThan(150);
  expect(pool.stats().size).toBeLessThanOrEqual(7);
});

test('F43 a burst on a cold pool whose connects take a second is served in time', async () => {
  await using setting = await proxied({ max: 50, connectionTimeoutMillis: 15_000 });
  const { pool, proxy } = setting;
  proxy.set('delay', { delayMs: 500 });
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => pool.query('select 1 as one')),
  );
  expect(answers.every(({ rows }) => rows[0].one === 1)).toBe(true);
  const { acquireTimeouts, createFailures } = pool.stats();
  expect({ acquireTimeouts, createFailures }).toEqual({ acquireTimeouts: 0, createFailures: 0 });
}, 30_000);

/** Nothing else runs meanwhile: a long computation. */
function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test('F52 an event loop blocked for 2 s costs no connection and no caller whose answer had come', async () => {
  // Without a proxy, which would be as blocked.
  await using pool = new Pool({
    connectionString: inject('postgresUrl'),
    max: 4,
    minConnections: 4,
    acquireTimeoutMs: 1_000,
    connectTimeoutMs: 1_000,
    healthCheckIntervalMs: 500,
    silenceTimeoutMs: 1_000,
  });
  await pool.warm(4);
  // Four run, four wait for these: what they wait for lies unread in the sockets when the loop is back.
  const answers = Array.from({ length: 8 }, () => pool.query('select 1 as one'));
  await new Promise((resolve) => setImmediate(resolve));
  block(2_000);
  expect(await Promise.all(answers)).toHaveLength(8);
  // Idle ones were due for a check all the while.
  await new Promise((resolve) => setTimeout(resolve, 700));
  const { acquireTimeouts, createFailures, destroyed, created } = pool.stats();
  expect({ acquireTimeouts, createFailures, destroyed, created }).toEqual({
    acquireTimeouts: 0,
    createFailures: 0,
    destroyed: {},
    created: 4,
  });
  expect(pool.state).toBe('ready');
});

test('F52 a process that is busy itself opens no connection for those who wait, and says so', async () => {
  await using setting = await proxied({ max: 50, minConnections: 4 });
  const { pool } = setting;
  await pool.warm(4);
  await Promise.all(Array.from({ length: 4 }, () => pool.query('select pg_sleep(0.02)')));
  const answers = Array.from({ length: 60 }, () => pool.query('select pg_sleep(0.02)'));
  const { size } = pool.stats();
  for (let i = 0; i < 4; i++) {
    block(500);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const told = pool.scalingEvents().find(({ reason }) => reason === 'event-loop-saturated');
  expect(told?.inputs['waiting']).toBeGreaterThan(0);
  // Those that were under way when it began.
  expect(pool.stats().size).toBe(size);
  expect(pool.explain()).toContain("this process's own event loop");
  expect(await Promise.all(answers)).toHaveLength(60);
});

test('callers that only query are not taken for callers that think, however busy this process is', async () => {
  await using pool = new Pool({ connectionString: inject('postgresUrl'), max: 200 });
  const until = performance.now() + 1_500;
  await Promise.all(
    Array.from({ length: 200 }, async () => {
      while (performance.now() < until) await pool.query('select 1');
    }),
  );
  const thinking = pool.scalingEvents().filter(({ inputs }) => inputs['thinking'] !== undefined);
  expect(thinking).toEqual([]);
  expect(pool.stats().size).toBeLessThan(100);
});
