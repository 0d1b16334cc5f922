import { Pool } from '@fynlo/pool-core';
import { DynamicConnectionPoolManager } from '@fynlo/pool-core/manager';
import { FakeServer } from '@fynlo/testing/fake-connection';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { MemoryLeakPrevention } from './memory_leak_prevention.ts';
import type { HeldLease, LeakedLease, LostObject } from './report.ts';

const SOON = { timeout: 15_000, interval: 20 };

let guard: MemoryLeakPrevention;
let leaks: (LeakedLease | LostObject)[];
let reclaimed: LeakedLease[];
let held: HeldLease[];

beforeEach(() => {
  guard = new MemoryLeakPrevention({
    level: 'paranoid',
    sweepIntervalMs: 20,
    leakDetectionThresholdMs: 200,
  });
  leaks = [];
  reclaimed = [];
  held = [];
  guard.on('leak', (leak) => leaks.push(leak));
  guard.on('reclaimed', (leak) => reclaimed.push(leak));
  guard.on('held', (lease) => held.push(lease));
  guard.startMonitoring();
});

afterEach(() => guard.stop());

/** `file:line` of the line below the caller's. */
function nextLine(): string {
  const [, , caller = ''] = (new Error('here').stack ?? '').split('\n');
  const [, file = '', line = ''] = /([\w.]+):(\d+):\d+\)?$/.exec(caller) ?? [];
  return `${file}:${Number(line) + 1}`;
}

describe('leases of DynamicConnectionPoolManager', () => {
  test('F60 that are dropped are told with their line, and their connections serve again', async () => {
    const server = new FakeServer();
    const pool = new DynamicConnectionPoolManager({
      minConnections: 0,
      maxConnections: 2,
      factory: {
        create: (signal) => server.connect(signal),
        destroy: (connection) => connection.close(),
      },
    });
    guard.attach(pool, 'manager');
    let line = '';
    const forget = async (): Promise<void> => {
      line = nextLine();
      const lease = await pool.getConnection();
      expect(lease.connection.open).toBe(true);
    };
    // Twice each: on a new connection, and on one that was idle.
    await (await pool.getConnection()).release();
    await forget();
    await forget();
    const lease = await pool.getConnection({ timeoutMs: 15_000 });
    lease.release();
    await expect.poll(() => reclaimed.length, SOON).toBe(2);
    expect(leaks).toHaveLength(2);
    expect(leaks.filter((leak) => leak.site?.includes(`/${line}:`)).length).toBeGreaterThan(0);
    expect(held).toEqual([]);
    await pool.end();
  });

  test('that are held on purpose are told as held and never taken', async () => {
    const server = new FakeServer();
    const pool = new DynamicConnectionPoolManager({
      minConnections: 0,
      maxConnections: 1,
      factory: { create: (signal) => server.connect(signal), destroy: (c) => c.close() },
    });
    guard.attach(pool, 'manager');
    const lease = await pool.getConnection();
    await expect.poll(() => held.length, SOON).toBe(1);
    await guard.checkForLeaks();
    expect(leaks).toEqual([]);
    expect(lease.connection.open).toBe(true);
    lease.release();
    await pool.end();
  });
});

describe('leases of Pool', () => {
  test('F60 that are dropped in a transaction are told, and their locks are free', async () => {
    const pool = new Pool({ connectionString: inject('postgresUrl'), max: 1 });
    await pool.query('create table if not exists leak_guard_pool_core (id int primary key)');
    await pool.query('insert into leak_guard_pool_core values (1) on conflict do nothing');
    guard.attach(pool, 'pool');
    let line = '';
    const forget = async (): Promise<void> => {
      line = nextLine();
      const lease = await pool.getConnection();
      await lease.connection.query('begin');
      await lease.connection.query('update leak_guard_pool_core set id = 1');
    };
    await forget();
    await pool.withConnection((client) => client.query('update leak_guard_pool_core set id = 1'));
    await expect.poll(() => reclaimed.length, SOON).toBe(1);
    expect(leaks[0]?.site).toContain(`/${line}:`);
    expect(reclaimed[0]?.reclaim).toBe('destroyed');
    await pool.end();
  });

  test('a healthy loop raises nothing', async () => {
    const pool = new Pool({ connectionString: inject('postgresUrl'), max: 3 });
    guard.attach(pool, 'pool');
    const worker = async (): Promise<void> => {
      for (let i = 0; i < 500; i++) {
        const lease = await pool.getConnection();
        if (i % 20 === 0) await lease.connection.query('select 1');
        await lease.release();
      }
    };
    await Promise.all(Array.from({ length: 6 }, worker));
    await guard.checkForLeaks();
    expect({ leaks, held, reclaimed }).toEqual({ leaks: [], held: [], reclaimed: [] });
    expect(pool.stats().acquires).toBeGreaterThanOrEqual(3_000);
    await pool.end();
  });
});
