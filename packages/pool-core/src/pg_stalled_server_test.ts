import { type RunningPostgres, startPostgres } from '@fynlo/services/postgres';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { throughProxy } from './_fault_fixture.ts';
import { Load } from './_load_fixture.ts';
import { LostTime } from './_lost_time_fixture.ts';
import { caught, delay, until } from './_pg_conformance.ts';

let postgres: RunningPostgres;
beforeAll(async () => {
  postgres = await startPostgres({ external: false, auth: 'trust' });
});
afterAll(() => postgres.stop());

test('F13 with the whole network gone, the outage is seen within 3.5 s, and once new connections work callers are served within 5 s', async () => {
  await using setting = await throughProxy(postgres.url, { connectionTimeoutMillis: 30_000 });
  const { pool, proxy, oracle } = setting;
  const load = new Load(pool, { callers: 4 });
  await until('the load runs', () => load.ok > 40);
  using lost = new LostTime();
  const goneAt = performance.now();
  proxy.set('blackhole');
  await until('the pool suspects it', () => pool.state !== 'ready');
  expect(performance.now() - goneAt).toBeLessThan(3_500 + lost.ms);
  // Nothing moves, and nobody was told of a verdict that nobody could give.
  expect(load.failed).toEqual([]);
  proxy.set('pass', { existing: false });
  const backAt = performance.now();
  await until('callers are served', () => load.lastOkAt > backAt);
  expect(load.lastOkAt - backAt).toBeLessThan(5_000 + lost.ms);
  await load.stop();
  // What was lent when the network went, and nothing else.
  expect(load.failed.length).toBeLessThanOrEqual(4);
  for (const error of load.failed) {
    expect(error).toMatchObject({ code: 'ERR_POOL_CONNECTION_LOST', maybeExecuted: true });
  }
  expect(load.refused).toEqual([]);
  await until('it is over', () => pool.state === 'ready');
  proxy.set('pass');
  proxy.cutAll('reset');
  await oracle.settled();
});

test('F13 with the whole network gone for longer, who waits for an answer is told, within 9 s', async () => {
  await using setting = await throughProxy(postgres.url, {
    connectionTimeoutMillis: 30_000,
    connectTimeoutMs: 1_000,
  });
  const { pool, proxy, oracle } = setting;
  const client = await pool.connect();
  await client.query('begin');
  proxy.set('blackhole');
  using lost = new LostTime();
  const goneAt = performance.now();
  const error = await caught(client.query('select 1'));
  expect(error).toMatchObject({ code: 'ERR_POOL_CONNECTION_LOST', maybeExecuted: true });
  expect(error.message).toContain('were not answered either');
  // The silence of 1.5 s, a look at it, and two new connections that are given 1.5 s and 4.5 s to answer.
  expect(performance.now() - goneAt).toBeLessThan(9_000 + lost.ms);
  expect(pool.state).toBe('down');
  client.release();
  const waiting = pool.query('select 1 as one');
  proxy.set('pass', { existing: false });
  expect((await waiting).rows).toEqual([{ one: 1 }]);
  proxy.set('pass');
  await oracle.settled();
});

test.each([
  ['at a statement delays its own user', 'select pg_sleep(0.3), 1 as one', 'answered'],
  ['before it has read the statement fails it', 'select 1 as one', 'lost'],
])('F16 one backend that stands still %s, and is no outage', async (_, statement, expected) => {
  await using setting = await throughProxy(postgres.url, {
    silenceTimeoutMs: 500,
    healthCheckIntervalMs: 200,
  });
  const { pool, oracle } = setting;
  const client = await pool.connect();
  const { processID } = client as unknown as { processID: number };
  try {
    if (expected === 'lost') process.kill(processID, 'SIGSTOP');
    const stalled = client.query(statement).then(
      ({ rows }) => (rows[0].one === 1 ? 'answered' : 'wrong'),
      (error) => (error.maybeExecuted === true ? 'lost' : error),
    );
    await delay(100);
    if (expected === 'answered') process.kill(processID, 'SIGSTOP');
    const load = new Load(pool, { callers: 3 });
    const enoughAt = performance.now() + 1_400;
    await until('others are served', () => performance.now() > enoughAt && load.ok > 20);
    await load.stop();
    expect([load.failed, load.refused, oracle.states]).toEqual([[], [], []]);
    // The server says that it works on it: so it does, late.
    process.kill(processID, 'SIGCONT');
    expect(await stalled).toBe(expected);
  } finally {
    process.kill(processID, 'SIGCONT');
  }
  client.release();
  await oracle.settled();
});

test('F16 a server that stands still for 3 s costs nobody an error, and no connection', async () => {
  await using setting = await throughProxy(postgres.url, {
    connectionTimeoutMillis: 30_000,
    healthCheckIntervalMs: 200,
    minConnections: 4,
  });
  const { pool, oracle } = setting;
  const load = new Load(pool, { callers: 3 });
  await until('the load runs', () => load.ok > 30 && pool.totalCount === 4);
  postgres.freeze();
  await delay(3_000);
  postgres.thaw();
  const thawedAt = performance.now();
  await until('callers are served', () => load.lastOkAt > thawedAt + 200);
  await load.stop();
  expect([load.failed, load.refused]).toEqual([[], []]);
  expect(pool.stats().destroyed).toEqual({});
  await until('it is over', () => pool.state === 'ready');
  await oracle.settled();
});

test.runIf(process.env['FYNLO_LONG_TESTS'])(
  'F17 a statement of 60 s on a healthy server is left alone',
  async () => {
    await using setting = await throughProxy(inject('postgresUrl'));
    const { pool, oracle } = setting;
    const load = new Load(pool, { callers: 2, pauseMs: 50 });
    const slow = await pool.query('select pg_sleep(60), 1 as one');
    expect(slow.rows[0].one).toBe(1);
    await load.stop();
    expect([load.failed, load.refused, oracle.states]).toEqual([[], [], []]);
    expect(pool.stats().destroyed).toEqual({});
    await oracle.settled();
  },
  90_000,
);
