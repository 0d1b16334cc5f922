import { expect, inject, test } from 'vitest';
import { watched } from './_fault_fixture.ts';
import { Load } from './_load_fixture.ts';
import { delay, until } from './_pg_conformance.ts';

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

test('F52 an event loop that is blocked for 2 s: no connection, connect, check, clean-up or statement is held for dead', async () => {
  await using setting = watched(inject('postgresUrl'), {
    max: 8,
    minConnections: 6,
    connectTimeoutMs: 1_000,
    connectionTimeoutMillis: 1_000,
    resetTimeoutMs: 500,
    silenceTimeoutMs: 500,
    healthCheckIntervalMs: 100,
  });
  const { pool, oracle } = setting;
  await pool.warm(6);
  // A check of an idle connection is under way, too: they are due every 100 ms.
  await delay(150);
  const created = pool.stats().created;
  const left = await pool.connect();
  await left.query('begin');
  const held = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
  const statements = held.map((client) => client.query('select pg_sleep(0.1), 1 as one'));
  const opening = pool.warm(8);
  expect(pool.manager.pool.connecting).toBe(2);
  left.release();
  block(2_000);
  for (const { rows } of await Promise.all(statements)) expect(rows[0].one).toBe(1);
  for (const client of held) client.release();
  await opening;
  await until('all is idle', () => pool.idleCount === 8, 3_000).catch((error) => {
    throw new Error(`${error.message}\n${pool.explain()}`);
  });
  expect(pool.stats()).toMatchObject({ created: created + 2, createFailures: 0, destroyed: {} });
  expect(pool.sessionCounts().rolledBack).toBe(1);
  expect(oracle.states).toEqual([]);
  await oracle.settled();
});

test('F52 with lanes full of queries, and others that wait for one: all are answered, and no lane is lost or added', async () => {
  // What a busy machine takes now and then is no cause for any of it, what the loop stands still is.
  const SLOW = { headMs: 1_000, slowMeanMs: 1_000, slowP95Ms: 1_000 };
  await using setting = watched(inject('postgresUrl'), {
    max: 3,
    minConnections: 3,
    connectTimeoutMs: 1_000,
    connectionTimeoutMillis: 1_900,
    silenceTimeoutMs: 500,
    healthCheckIntervalMs: 100,
    pipelining: { ...SLOW, maxLanes: 2, depth: 4, window: 8, lingerMs: 60_000 },
  });
  const { pool, oracle } = setting;
  const ask = () =>
    Promise.all(
      Array.from({ length: 32 }, (_, n) => pool.query('select $1::int as n, pg_sleep(0.01)', [n])),
    );
  const lanes = () => pool.stats().lanes;
  await pool.warm(3);
  await until('there are two', async () => (await ask()) && lanes()?.lanes === 2);
  const changes = lanes()?.changes;
  const { created } = pool.stats();
  const asked = ask();
  expect(lanes()).toMatchObject({ inFlight: 16, queued: 16 });
  // What was placed leaves with the end of the tick.
  await new Promise((resolve) => setImmediate(resolve));
  block(2_000);
  const answers = await asked;
  expect(answers.map(({ rows }) => rows[0].n)).toEqual(Array.from({ length: 32 }, (_, n) => n));
  expect(pool.stats()).toMatchObject({ created, createFailures: 0, destroyed: {} });
  expect(lanes()).toMatchObject({ changes, retried: 0, cancelled: 0, slowStatements: [] });
  expect(oracle.states).toEqual([]);
  await oracle.settled();
});

test('F52 while the event loop is blocked again and again, the pool does not grow, and says why', async () => {
  await using setting = watched(inject('postgresUrl'), {
    max: 100,
    maxConnecting: 4,
    minConnections: 20,
    connectionTimeoutMillis: 30_000,
  });
  const { pool, oracle } = setting;
  await pool.warm(20);
  // Three callers for each connection, from the first moment on: else it would have grown before.
  const load = new Load(pool, { callers: 60, statement: 'select 1', pauseMs: 0 });
  const blocker = setInterval(() => block(180), 1);
  await until('the reason is in the log', () =>
    pool.scalingEvents().some(({ reason }) => reason === 'event-loop-saturated'),
  );
  const size = pool.totalCount;
  await delay(1_500);
  clearInterval(blocker);
  expect(pool.totalCount).toBeLessThanOrEqual(size);
  expect(size).toBeLessThan(60);
  await load.stop();
  expect([load.failed, load.refused, oracle.states]).toEqual([[], [], []]);
  expect(pool.stats().destroyed).toEqual({});
  await oracle.settled();
});

test('F53 under heavy garbage collection nothing is held for dead', async () => {
  await using setting = watched(inject('postgresUrl'), {
    max: 8,
    connectTimeoutMs: 1_000,
    connectionTimeoutMillis: 5_000,
    silenceTimeoutMs: 300,
    healthCheckIntervalMs: 100,
  });
  const { pool, oracle } = setting;
  const load = new Load(pool, { callers: 16 });
  const kept: unknown[][] = [];
  const litter = setInterval(() => {
    // Small objects that live for a while: what makes collections long.
    kept.push(Array.from({ length: 30_000 }, (_, i) => ({ i, text: `${i}` })));
    if (kept.length > 12) kept.splice(0, 6);
    globalThis.gc?.();
  }, 20);
  await until('the load ran', () => load.ok > 50 && kept.length > 6);
  await delay(500);
  clearInterval(litter);
  await load.stop();
  expect([load.failed, load.refused, oracle.states]).toEqual([[], [], []]);
  expect(pool.stats().destroyed).toEqual({});
  await oracle.settled();
});
