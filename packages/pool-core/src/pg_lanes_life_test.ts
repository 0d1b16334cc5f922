/** Lanes over their life: how they end and come back, what they count as, and what their callers are told. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { startFaultProxy } from '@fynlo/services/fault-proxy';
import { type RunningPostgres, startPostgres } from '@fynlo/services/postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { insideOf } from './_pg_client_inside.ts';
import { caught, delay, until } from './_pg_conformance.ts';
import { ONE_LANE, proxiedLanes } from './_pg_lanes_fixture.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

let postgres: RunningPostgres;
beforeAll(async () => {
  postgres = await startPostgres({ external: false, auth: 'trust' });
});
afterAll(() => postgres.stop());

function proxied(options: PoolOptions = {}) {
  return proxiedLanes(startFaultProxy, postgres.url, { pipelining: ONE_LANE, ...options });
}

/** Counts how often each of many queries is settled, and with what. */
class Settled {
  readonly times: number[] = [];
  readonly errors: (Error & Record<string, unknown>)[] = [];
  readonly #all: Promise<void>[] = [];
  wrong = 0;

  ask(pool: Pool, text = 'select $1::int as n'): void {
    const n = this.times.push(0) - 1;
    this.#all.push(
      new Promise((resolve) => {
        void pool.query(text, [n], (error: Error | null, result) => {
          this.times[n] = (this.times[n] ?? 0) + 1;
          if (error) this.errors.push(error as never);
          else if (result.rows[0]?.n !== n) this.wrong++;
          resolve();
        });
      }),
    );
  }

  async expectOnce(): Promise<void> {
    await Promise.all(this.#all);
    expect(this.times.filter((times) => times !== 1)).toEqual([]);
    expect(this.wrong).toBe(0);
  }
}

test('a lane whose connection is past its lifetime makes way for another, and no query is lost', async () => {
  await using setting = await proxied({ connectionLifetimeMs: 200 });
  const { pool, lanes } = setting;
  const settled = new Settled();
  const ends = (): number => lanes().changes.filter(({ reason }) => reason === 'lifetime').length;
  await until('two have ended', async () => {
    for (let i = 0; i < 5; i++) settled.ask(pool);
    return ends() >= 2;
  });
  await settled.expectOnce();
  expect(settled.errors).toEqual([]);
  expect(lanes().retried).toBe(0);
  expect(pool.stats().destroyed).toMatchObject({ lifetime: expect.any(Number) });
  expect(pool.totalCount).toBeLessThanOrEqual(4);
});

test('a server that dies with full lanes and comes back: each query is settled once, those not sent are served then', async () => {
  await using setting = await proxied({
    max: 3,
    connectionTimeoutMillis: 30_000,
    pipelining: { ...ONE_LANE, maxLanes: 2, window: 5 },
  });
  const { pool, lanes } = setting;
  await Promise.all(Array.from({ length: 40 }, () => pool.query('select 1')));
  const settled = new Settled();
  for (let i = 0; i < 60; i++) settled.ask(pool, 'select pg_sleep(0.5), $1::int as n');
  await until('the lanes are full', () => lanes().inFlight === 10 && lanes().lanes === 2);
  await postgres.kill();
  await until('the lanes are gone', () => lanes().lanes === 0);
  expect(lanes().queued).toBeGreaterThanOrEqual(50);
  for (let i = 0; i < 20; i++) settled.ask(pool);
  await delay(200);
  await postgres.restart();
  // Those that were never sent are asked anew in the same words: fewer of them, so that it does not take long.
  await until('lanes are back', () => lanes().lanes > 0, 10_000);
  await settled.expectOnce();
  // What was sent is told that it may have been executed, all the rest was served.
  expect(settled.errors.length).toBeLessThanOrEqual(10);
  expect(settled.errors.length).toBeGreaterThan(0);
  for (const error of settled.errors) expect(error).toMatchObject({ maybeExecuted: true });
  expect((await pool.query('select 1 as n')).rows).toEqual([{ n: 1 }]);
}, 60_000);

describe('the stack of an error names who asked', () => {
  async function asker(pool: Pool, config: object): Promise<void> {
    await pool.query(config as never);
  }

  test('for a place in time', async () => {
    await using setting = await proxied({ max: 1, connectionTimeoutMillis: 400 });
    await setting.pool.warm(1);
    const client = await setting.pool.connect();
    const error = await caught(asker(setting.pool, { text: 'select 1' }));
    expect(error).toMatchObject({ code: 'ERR_POOL_ACQUIRE_TIMEOUT' });
    expect(error.stack).toContain('asker');
    client.release();
  });

  test('where the queue was full', async () => {
    await using setting = await proxied({ max: 1, maxWaiting: 0 });
    const client = await setting.pool.connect();
    const error = await caught(asker(setting.pool, { text: 'select 1' }));
    expect(error).toMatchObject({ code: 'ERR_POOL_QUEUE_FULL' });
    expect(error.stack).toContain('asker');
    client.release();
  });

  test('but not of a callback, as with pg: nobody awaits it, and a stack kept of each call would cost more than the query', async () => {
    await using setting = await proxied();
    const error = await new Promise<Error>((resolve) => {
      function calledBy(): void {
        void setting.pool.query('select nonsense', (failure: Error) => resolve(failure));
      }
      calledBy();
    });
    expect(error).toMatchObject({ code: '42703' });
    expect(error.stack).not.toContain('calledBy');
  });

  test('whose query was lost, took too long, or was aborted under way or before it was sent', async () => {
    await using setting = await proxied({ pipelining: { ...ONE_LANE, window: 4 }, max: 2 });
    const { pool, proxy, lanes } = setting;
    await pool.query('select 1');
    const abort = new AbortController();
    const { signal } = abort;
    const late = caught(asker(pool, { text: 'select pg_sleep(30)', query_timeout: 50 }));
    const lost = caught(asker(pool, { text: 'select pg_sleep(30)' }));
    const behind = caught(asker(pool, { text: 'select 1', signal }));
    const next = caught(asker(pool, { text: 'select 1' }));
    const unsent = caught(asker(pool, { text: 'select 1', signal }));
    expect(lanes()).toMatchObject({ inFlight: 4, queued: 1 });
    abort.abort();
    expect((await late).message).toBe('Query read timeout');
    expect(await behind).toMatchObject({ code: 'ERR_POOL_QUERY_ABORTED' });
    expect(await unsent).toMatchObject({ code: 'ERR_POOL_ACQUIRE_ABORTED' });
    await until('the late one is cancelled', () => lanes().inFlight === 3);
    proxy.cutAll('reset');
    for (const error of [await lost, await next]) {
      expect(error).toMatchObject({ code: 'ERR_POOL_CONNECTION_LOST', maybeExecuted: true });
    }
    for (const error of [late, lost, behind, next, unsent]) {
      expect((await error).stack).toContain('asker');
    }
    // Each has an error of its own.
    expect((await lost).stack).not.toBe((await next).stack);
  });
});

test.each([
  ['sent at once', 64],
  ['most of which must wait', 2],
])("callbacks and errors of queries, %s, run in their callers' contexts", async (_, window) => {
  await using setting = await proxied({ pipelining: { ...ONE_LANE, window } });
  const { pool } = setting;
  await pool.query('select 1');
  const context = new AsyncLocalStorage<number>();
  const seen = await Promise.all(
    Array.from({ length: 12 }, (_, i) =>
      context.run(
        i,
        () =>
          new Promise((resolve) => {
            void pool.query('select 1 / $1::int', [i % 3], () => resolve(context.getStore()));
          }),
      ),
    ),
  );
  expect(seen).toEqual(Array.from({ length: 12 }, (_, i) => i));
});

describe('lanes count as connections', () => {
  test('in max, in stats, in connections() and in the words of explain()', async () => {
    await using setting = await proxied({
      max: 3,
      pipelining: { ...ONE_LANE, maxLanes: 4, lingerMs: 60_000 },
    });
    const { pool, lanes } = setting;
    const held = await pool.connect();
    await Promise.all(Array.from({ length: 300 }, () => pool.query('select pg_sleep(0.001)')));
    expect(lanes().lanes).toBe(2);
    expect(pool).toMatchObject({ totalCount: 3, idleCount: 0 });
    expect(pool.stats()).toMatchObject({ size: 3, leased: 3, idle: 0, created: 3 });
    const shared = pool.connections().filter(({ label }) => label === 'pipelined lane');
    expect(shared).toHaveLength(2);
    for (const one of shared) {
      expect(one).toMatchObject({ state: 'leased', leaseId: expect.any(Number) });
      expect(one.backendPid).toBeGreaterThan(0);
    }
    expect(pool.explain()).toMatch(/Lanes: 2 connections are shared/);
    // Whoever asks for one of his own waits for the lanes like for anybody.
    const waiting = pool.connect();
    (await waiting).release();
    expect(pool.stats().created).toBe(3);
    held.release();
  });

  test('as busy only while they have a query: where they do next to nothing, the thresholds open no others', async () => {
    await using setting = await proxied({
      max: 10,
      pipelining: { ...ONE_LANE, lingerMs: 60_000 },
      tuning: { tickMs: 200 },
    });
    const { pool } = setting;
    for (let i = 0; i < 8; i++) {
      await pool.query('select 1');
      await delay(150);
    }
    expect(pool.stats()).toMatchObject({ leased: 1, created: 1 });
    expect(pool.scalingEvents().map(({ reason }) => reason)).not.toContain('utilization-high');
  });

  test('in events, once for all of its queries', async () => {
    await using setting = await proxied({ pipelining: { ...ONE_LANE, lingerMs: 20 } });
    const { pool, lanes } = setting;
    const told: string[] = [];
    for (const name of ['connect', 'acquire', 'release', 'remove'] as const) {
      pool.on(name as 'connect', () => void told.push(name));
    }
    const labels: (string | undefined)[] = [];
    const [begun, over] = [new Set<number>(), new Set<number>()];
    pool.observe({
      acquired: ({ label, leaseId }) => {
        labels.push(label);
        begun.add(leaseId);
      },
      released: ({ leaseId }) => void over.add(leaseId),
    });
    await Promise.all(Array.from({ length: 30 }, () => pool.query('select 1')));
    await until('it is given back', () => lanes().lanes === 0);
    expect(told).toEqual(['connect', 'acquire', 'release']);
    expect(labels).toEqual(['pipelined lane']);
    expect(over).toEqual(begun);
    expect(pool.stats()).toMatchObject({ acquires: 1, releases: 1 });
  });

  test('where the server has room for fewer: those there are serve, and nobody is refused', async () => {
    await using admin = new Pool({ connectionString: postgres.url, max: 1 });
    await admin.query('create role lanes_three login connection limit 3');
    const url = new URL(postgres.url);
    url.username = 'lanes_three';
    await using pool = new Pool({
      connectionString: url.href,
      max: 20,
      pipelining: { ...ONE_LANE, maxLanes: 8, window: 4 },
    });
    const settled = new Settled();
    for (let i = 0; i < 400; i++) settled.ask(pool, 'select pg_sleep(0.002), $1::int as n');
    await settled.expectOnce();
    expect(settled.errors).toEqual([]);
    expect(pool.totalCount).toBeLessThanOrEqual(3);
    await pool.end();
    await admin.query('drop role lanes_three');
  });
});

test('no more is given to a lane while a mebibyte waits for its socket', async () => {
  await using setting = await proxied({ max: 1 });
  const { pool, proxy, lanes } = setting;
  await pool.query('select 1');
  proxy.set('throttle', { bytesPerSecond: 8_000_000, direction: 'to-server' });
  const SIZE = 300_000;
  const large = 'x'.repeat(SIZE);
  const asked = Promise.all(
    Array.from({ length: 40 }, () => pool.query('select length($1::text) as n', [large])),
  );
  let most = 0;
  let queued = 0;
  const watch = setInterval(() => {
    const [client] = pool._clients;
    if (client === undefined) return;
    const { stream } = (insideOf(client as never) as never as { connection: Sending }).connection;
    most = Math.max(most, stream.writableLength);
    queued = Math.max(queued, lanes().queued);
  }, 1);
  const answers = await asked;
  clearInterval(watch);
  expect(answers.map(({ rows }) => rows[0].n)).toEqual(Array(40).fill(SIZE));
  expect(queued).toBeGreaterThan(20);
  // The one that goes over it is the last.
  expect(most).toBeLessThan(2 ** 20 + SIZE + 1_000);
  expect(most).toBeGreaterThan(SIZE);
}, 30_000);

interface Sending {
  readonly stream: { readonly writableLength: number };
}
