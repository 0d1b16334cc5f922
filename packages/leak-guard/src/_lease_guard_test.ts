import type { PoolStats } from '@fynlo/pool-core/contract';
import { FakeClock } from '@fynlo/testing/fake-clock';
import { beforeEach, describe, expect, test } from 'vitest';
import { LeaseGuard } from './_lease_guard.ts';
import { TypedEvents } from './_typed_events.ts';
import { type MemoryLeakPreventionOptions, resolveOptions } from './options.ts';
import type { GuardedPool, LeaseObserver } from './pool_attachment.ts';
import type { LeakGuardEvents } from './report.ts';
import type { ProbeResult } from './soft_probe.ts';

/** A pool that tells what the test says. */
class FakePool implements GuardedPool {
  observer: LeaseObserver = {};
  reclaimedIds: number[] = [];
  accepts = true;
  waiting = 0;

  observe(observer: LeaseObserver): () => void {
    this.observer = observer;
    return () => {
      this.observer = {};
    };
  }
  stats(): PoolStats {
    return { waiting: this.waiting, idle: 0 } as PoolStats;
  }
  reclaim(leaseId: number): boolean {
    if (this.accepts) this.reclaimedIds.push(leaseId);
    return this.accepts;
  }
  acquire(leaseId: number, lease?: object): void {
    this.observer.acquiring?.({ leaseId });
    const event = { leaseId, connectionId: leaseId + 100, waitedMs: 1 };
    this.observer.acquired?.(lease === undefined ? event : { ...event, lease });
  }
  release(leaseId: number): void {
    this.observer.released?.({ leaseId, connectionId: leaseId + 100, heldMs: 1 });
  }
}

const PROBED: ProbeResult = { kind: 'soft', conclusive: true, chunks: 3, tookMs: 50, stallMs: 10 };

let clock: FakeClock;
let pool: FakePool;
let told: string[];
let probes: number;
let outcome: ProbeResult;

beforeEach(() => {
  clock = new FakeClock();
  pool = new FakePool();
  told = [];
  probes = 0;
  outcome = PROBED;
});

function start(options: MemoryLeakPreventionOptions = {}): LeaseGuard {
  const events = new TypedEvents<LeakGuardEvents>('test.leak-guard');
  for (const event of ['leak', 'held', 'returned', 'reclaimed'] as const) {
    events.on(event, (payload) =>
      told.push(`${event} ${'leaseId' in payload ? payload.leaseId : ''}`),
    );
  }
  const guard = new LeaseGuard({
    options: resolveOptions({ clock, ...options }),
    events,
    probe: async () => {
      probes++;
      return outcome;
    },
    utilization: () => 0.1,
    swept: () => undefined,
  });
  guard.attach(pool, 'fake');
  guard.start();
  return guard;
}

describe('a lease that is still referred to', () => {
  test('is told as held once, after a probe, and as returned when it comes back', async () => {
    start();
    const lease = {};
    pool.acquire(1, lease);
    await clock.advance(29_500);
    expect({ told, probes }).toEqual({ told: [], probes: 0 });
    await clock.advance(1_500);
    expect({ told, probes }).toEqual({ told: ['held 1'], probes: 1 });
    await clock.advance(25_000);
    expect(probes).toBe(1);
    pool.release(1);
    expect(told).toEqual(['held 1', 'returned 1']);
    expect(lease).toEqual({});
  });

  test('is probed ever more rarely', async () => {
    const guard = start();
    const lease = {};
    pool.acquire(1, lease);
    await clock.advance(3_600_000);
    expect(probes).toBeGreaterThanOrEqual(8);
    expect(probes).toBeLessThanOrEqual(12);
    expect(guard.held()).toMatchObject([{ leaseId: 1, proven: true }]);
    expect(lease).toEqual({});
  });

  test('is probed every few seconds at first while somebody waits for a connection', async () => {
    start();
    const lease = {};
    pool.acquire(1, lease);
    pool.waiting = 1;
    await clock.advance(45_000);
    expect(probes).toBeGreaterThanOrEqual(4);
    expect(lease).toEqual({});
  });
});

test('a lease that comes back below the threshold is never told', async () => {
  const guard = start();
  for (let id = 1; id <= 50; id++) {
    pool.acquire(id, {});
    await clock.advance(500);
    pool.release(id);
  }
  expect({ told, probes, open: guard.openLeases }).toEqual({ told: [], probes: 0, open: 0 });
});

test('a pool that gives no lease object has its long holds told, and no probe is spent on them', async () => {
  const guard = start();
  pool.acquire(1);
  await clock.advance(31_000);
  expect({ told, probes }).toEqual({ told: ['held 1'], probes: 0 });
  expect(guard.held()).toMatchObject([{ proven: false }]);
});

test('an inconclusive probe proves nothing: the lease is told as held, unproven, after a while', async () => {
  outcome = { ...PROBED, conclusive: false };
  const guard = start();
  const lease = {};
  pool.acquire(1, lease);
  await clock.advance(33_000);
  expect(told).toEqual([]);
  await clock.advance(3_000);
  expect(told).toEqual(['held 1']);
  expect(guard.held()).toMatchObject([{ proven: false }]);
  expect(lease).toEqual({});
});

test('L11 F52 a loop that stood still for an hour makes no lease old', async () => {
  const guard = start();
  const lease = {};
  pool.acquire(1, lease);
  await clock.advance(1_000);
  // As a blocked loop: time passes, no timer runs.
  const { now } = clock;
  clock.now = () => now.call(clock) + 3_600_000;
  await clock.advance(1_000);
  expect({ told, probes }).toEqual({ told: [], probes: 0 });
  expect(guard.openLeases).toBe(1);
  expect(lease).toEqual({});
});

test('a dropped lease is reclaimed; one whose pool refuses stays on the list', async () => {
  const guard = start();
  const acquireAndDrop = (id: number): void => pool.acquire(id, {});
  acquireAndDrop(1);
  guard.arm();
  globalThis.gc?.();
  await expect.poll(() => told).toEqual(['leak 1']);
  expect(pool.reclaimedIds).toEqual([1]);
  pool.observer.released?.({ leaseId: 1, connectionId: 101, heldMs: 1 });
  expect(told).toEqual(['leak 1']);
  await clock.advance(1_000);
  expect(told).toEqual(['leak 1', 'reclaimed 1']);
  expect(guard.leaked()).toMatchObject([{ reclaim: 'returned' }]);

  pool.accepts = false;
  acquireAndDrop(2);
  guard.arm();
  globalThis.gc?.();
  await expect.poll(() => told.at(-1)).toBe('leak 2');
  expect({ out: guard.unreclaimed, reclaiming: guard.reclaiming }).toEqual({
    out: 1,
    reclaiming: 0,
  });
  pool.accepts = true;
  guard.reclaimProven();
  expect(pool.reclaimedIds).toEqual([1, 2]);
  pool.observer.destroyed?.({ connectionId: 102, reason: 'reclaimed' });
  expect(told.at(-1)).toBe('reclaimed 2');
  expect(guard.reclaimedLeases).toBe(2);
});

test('an acquire that is rejected leaves nothing behind, and one that never ends is forgotten', () => {
  const guard = start({ level: 'paranoid' });
  for (let id = 1; id <= 12_000; id++) pool.observer.acquiring?.({ leaseId: id });
  pool.observer.rejected?.({ code: 'ERR', waitedMs: 1, leaseId: 12_000 } as never);
  expect(guard.openLeases).toBe(0);
  pool.acquire(12_000, {});
  expect(guard.openLeases).toBe(1);
});

test('without acquiring(), the stack is taken only of an answer within the call', async () => {
  const guard = start({ level: 'paranoid' });
  const { acquired } = pool.observer;
  const leases = [{}, {}];
  acquired?.({ leaseId: 1, connectionId: 1, waitedMs: 0, lease: leases[0] as object });
  acquired?.({ leaseId: 2, connectionId: 2, waitedMs: 4, lease: leases[1] as object });
  await clock.advance(32_000);
  const [within, later] = guard.held();
  expect(within?.site).toMatch(/lease_guard_test\.ts:\d+/);
  expect(later?.site).toBeUndefined();
  expect(leases).toHaveLength(2);
});

test('stop() takes the observer off, leaves no timer, and start() watches again', async () => {
  const guard = start();
  pool.acquire(1, {});
  guard.stop();
  guard.stop();
  expect(pool.observer).toEqual({});
  expect({ timers: clock.pendingTimers(), open: guard.openLeases }).toEqual({ timers: 0, open: 0 });
  guard.start();
  pool.acquire(2, {});
  expect(guard.openLeases).toBe(1);
  guard.stop();
});

test('a pool that is detached is not observed any more', () => {
  const guard = start();
  const other = new FakePool();
  const detach = guard.attach(other, 'other');
  other.acquire(1, {});
  expect(guard.openLeases).toBe(1);
  detach();
  expect(guard.openLeases).toBe(0);
  expect(other.observer).toEqual({});
});
