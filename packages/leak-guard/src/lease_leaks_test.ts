import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { type GuardedPgPool, guardPgPool } from './guard_pg_pool.ts';
import { MemoryLeakPrevention } from './memory_leak_prevention.ts';
import type { HeldLease, LeakedLease, LostObject } from './report.ts';

/** Above what a loaded machine may take; nothing here asserts how fast. */
const SOON = { timeout: 15_000, interval: 20 };
const TABLE = 'leak_guard_lease_leaks';

let pool: pg.Pool;
let guarded: GuardedPgPool;
let guard: MemoryLeakPrevention;
let leaks: (LeakedLease | LostObject)[];
let reclaimed: LeakedLease[];
let held: HeldLease[];
let returned: HeldLease[];

beforeEach(async () => {
  pool = new pg.Pool({ connectionString: inject('postgresUrl'), max: 4 });
  await pool.query(`create table if not exists ${TABLE} (id int primary key, v int)`);
  await pool.query(`insert into ${TABLE} values (1, 0) on conflict do nothing`);
  guarded = guardPgPool(pool);
  guard = new MemoryLeakPrevention({
    level: 'paranoid',
    sweepIntervalMs: 20,
    leakDetectionThresholdMs: 200,
  });
  leaks = [];
  reclaimed = [];
  held = [];
  returned = [];
  guard.on('leak', (leak) => leaks.push(leak));
  guard.on('reclaimed', (leak) => reclaimed.push(leak));
  guard.on('held', (lease) => held.push(lease));
  guard.on('returned', (lease) => returned.push(lease));
  guard.attach(guarded, 'main');
  guard.startMonitoring();
});

afterEach(async () => {
  await guard.stop();
  guarded.close();
  await pool.end();
});

/** Line of the caller, as `file:line`. */
function here(): string {
  const [, , caller = ''] = (new Error('here').stack ?? '').split('\n');
  return /([\w.]+:\d+):\d+\)?$/.exec(caller)?.[1] ?? '';
}

async function forgets(): Promise<string> {
  const [client, line] = [await pool.connect(), here()];
  await client.query('select 1');
  return line;
}

async function throwsBeforeRelease(): Promise<string> {
  let line = '';
  try {
    line = here().replace(/\d+$/, (n) => String(Number(n) + 1));
    const client = await pool.connect();
    await client.query('select 1/0');
    client.release();
  } catch {
    // As in code that swallows the error and forgets the release.
  }
  return line;
}

async function forgetsInTransaction(): Promise<string> {
  const [client, line] = [await pool.connect(), here()];
  await client.query('begin');
  await client.query(`update ${TABLE} set v = v + 1 where id = 1`);
  return line;
}

async function firesAndForgets(): Promise<string> {
  const [client, line] = [await pool.connect(), here()];
  client.query('select pg_sleep(1)').catch(() => undefined);
  return line;
}

function callbackForgets(): Promise<string> {
  return new Promise((resolve, reject) => {
    const line = here().replace(/\d+$/, (n) => String(Number(n) + 1));
    pool.connect((error, client) => {
      if (error || client === undefined) return reject(error);
      void client.query('select 1', () => resolve(line));
    });
  });
}

describe.each([
  ['dropped idle', forgets],
  ['thrown away before release', throwsBeforeRelease],
  ['dropped in a transaction', forgetsInTransaction],
  ['dropped with a statement in flight', firesAndForgets],
  ['dropped by a callback', callbackForgets],
])('L04 a checkout %s', (_name, leak) => {
  test('is told once with its line, and its connection serves who waits', async () => {
    const lines = [await leak(), await forgets(), await forgets(), await forgets()];
    expect(pool.totalCount).toBe(4);
    const client = await pool.connect();
    await client.query(`update ${TABLE} set v = v + 1 where id = 1`);
    client.release();
    await expect.poll(() => reclaimed.length, SOON).toBe(4);
    expect(leaks).toHaveLength(4);
    expect(held).toEqual([]);
    for (const line of lines) {
      expect(leaks.map((l) => l.site)).toContainEqual(expect.stringContaining(`/${line}:`));
    }
    expect(new Set(reclaimed.map((l) => l.reclaim))).toEqual(new Set(['destroyed']));
    expect(guard.getMemoryStats()).toMatchObject({
      openLeases: 0,
      leakedLeases: 4,
      reclaimedLeases: 4,
    });
    const report = await guard.checkForLeaks({ probe: false });
    expect(report.leakedLeases.map((l) => l.occurrences).reduce((a, b) => a + b)).toBe(4);
    expect(report.leakedLeases.length).toBeLessThanOrEqual(2);
  });
});

test('L04 a checkout answered from a queue names who asked, not who released', async () => {
  const holders = await Promise.all(Array.from({ length: 4 }, () => pool.connect()));
  const waiting = forgets();
  holders.forEach((client) => void client.release());
  const line = await waiting;
  const report = await guard.checkForLeaks();
  await expect.poll(() => leaks.length, SOON).toBe(1);
  expect(leaks[0]?.site).toContain(`/${line}:`);
  expect(report.probe?.conclusive).toBe(true);
});

test('a checkout held on purpose is told once as held, never taken, and told when it returns', async () => {
  const client = await pool.connect();
  const others = await Promise.all(Array.from({ length: 3 }, () => pool.connect()));
  const waiting = pool.connect();
  await expect.poll(() => held.length, SOON).toBe(4);
  await expect.poll(() => guard.getMemoryStats().probes, SOON).toBeGreaterThan(1);
  expect(held.every((lease) => lease.proven)).toBe(true);
  expect(held).toHaveLength(4);
  expect(leaks).toEqual([]);
  expect((await guard.checkForLeaks()).heldLeases).toHaveLength(4);
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  client.release();
  (await waiting).release();
  for (const other of others) other.release();
  expect(returned).toHaveLength(4);
  expect(returned[0]?.leaseId).toBe(held[0]?.leaseId);
  expect(leaks).toEqual([]);
});

test.each([
  ['its release function', (client: pg.PoolClient) => client.release],
  ['an object that refers to it', (client: pg.PoolClient) => ({ repository: { client } })],
  [
    'a listener on its own connection',
    (client: pg.PoolClient) => {
      client.on('notice', () => client.release());
      return undefined;
    },
  ],
])('a checkout reachable through %s is not taken', async (_name, keep) => {
  let leaseId = 0;
  guarded.observe({
    acquired: (event) => {
      leaseId = event.leaseId;
    },
  });
  const kept = { value: keep(await pool.connect()) };
  const report = await guard.checkForLeaks();
  expect(report.probe?.conclusive).toBe(true);
  expect(leaks).toEqual([]);
  expect(pool.totalCount).toBe(1);
  // Referred to after the check: it was reachable during it.
  expect(kept).toHaveProperty('value');
  guarded.reclaim(leaseId, 'the test is over');
});

test('L03 with reclaim off a lost checkout is told and left; triggerLeakPrevention() takes it', async () => {
  await guard.stop();
  const reporter = new MemoryLeakPrevention({
    level: 'paranoid',
    reclaim: 'off',
    sweepIntervalMs: 20,
  });
  reporter.attach(guarded, 'main');
  const line = await forgets();
  const report = await reporter.checkForLeaks();
  expect(report.leakedLeases).toMatchObject([{ pool: 'main', reclaim: 'none', occurrences: 1 }]);
  expect(report.leakedLeases[0]?.site).toContain(`/${line}:`);
  expect(pool.idleCount).toBe(0);
  const { actions } = await reporter.triggerLeakPrevention();
  expect(actions.find((action) => action.name === 'reclaim')).toMatchObject({
    applied: true,
    before: 1,
    after: 0,
    unit: 'leases',
  });
  expect(reporter.getMemoryStats()).toMatchObject({ openLeases: 0, reclaimedLeases: 1 });
  const again = await reporter.triggerLeakPrevention();
  expect(again.actions.filter((action) => action.unit === 'leases')).toMatchObject([
    { name: 'probe', applied: false, reason: 'no lease is open' },
    { name: 'reclaim', applied: false, reason: 'no leaked lease is out' },
  ]);
  await reporter.stop();
});

test('unsampled leaks are reclaimed unnamed, and the next ones are named', async () => {
  await guard.stop();
  const sampling = new MemoryLeakPrevention({ level: 'simple', sweepIntervalMs: 20 });
  const found: (LeakedLease | LostObject)[] = [];
  sampling.on('leak', (leak) => found.push(leak));
  sampling.attach(guarded);
  // The first acquire of all is part of the sample.
  (await pool.connect()).release();
  await forgets();
  await sampling.checkForLeaks();
  await expect.poll(() => found.length, SOON).toBe(1);
  const line = await forgets();
  await sampling.checkForLeaks();
  await expect.poll(() => found.length, SOON).toBe(2);
  expect(found[0]?.site).toBeUndefined();
  expect(found[1]?.site).toContain(`/${line}:`);
  await sampling.stop();
});

test('G3 a healthy loop of many acquires raises nothing', async () => {
  let junk: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (let i = 0; i < 2_500; i++) {
      const client = await pool.connect();
      try {
        if (i % 50 === 0) await client.query('select 1');
        junk.push({ i, filler: new Array(100).fill(i) });
        if (junk.length > 20_000) junk = [];
      } finally {
        client.release();
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  const report = await guard.checkForLeaks();
  expect(guarded.stats().acquires).toBeGreaterThanOrEqual(20_000);
  expect({ leaks, held, returned, reclaimed }).toEqual({
    leaks: [],
    held: [],
    returned: [],
    reclaimed: [],
  });
  expect(report).toMatchObject({ leakedLeases: [], heldLeases: [], trackedLost: [] });
});
