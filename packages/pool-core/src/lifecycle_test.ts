import { describe, expect, it, vi } from 'vitest';
import { setUp, use } from './_lifecycle_fixture.ts';

describe('growth', () => {
  it('goes on where the factory cannot say who works', async () => {
    let asked = 0;
    const isBusy = () => {
      asked++;
      throw new Error('cannot say');
    };
    const { manager, clock } = await setUp({ minConnections: 0, maxConnections: 200 }, { isBusy });
    let served = 0;
    for (let i = 0; i < 120; i++) {
      void manager.getConnection().then((lease) => {
        served++;
        clock.setTimeout(() => void lease.release(), 300);
      });
    }
    await clock.advance(10_000);
    expect(asked).toBeGreaterThan(0);
    expect(served).toBe(120);
    await manager.end();
  });
});

describe('the minimum', () => {
  it('is open in the background, and kept open', async () => {
    const { manager, server, clock } = await setUp({ minConnections: 5 });
    expect(server.open).toBe(5);
    for (let i = 0; i < 3; i++) {
      server.connections[0]?.lose();
      await clock.advance(100);
      expect(server.open).toBe(5);
    }
    expect(manager.scalingEvents()).toMatchObject([
      { reason: 'minimum', from: 0, to: 5 },
      { reason: 'minimum', from: 4, to: 5 },
      { reason: 'minimum', from: 4, to: 5 },
      { reason: 'minimum', from: 4, to: 5 },
    ]);
  });

  it('survives the idle timeout for a day, without a connection opened or closed', async () => {
    const { server, clock } = await setUp({
      minConnections: 3,
      connectionLifetimeMs: Number.POSITIVE_INFINITY,
    });
    await clock.advance(24 * 3_600_000);
    expect(server).toMatchObject({ open: 3, opened: 3, closed: 0 });
  });

  it('is not opened for an idleFloor: that only spares what is there', async () => {
    const run = await setUp({
      minConnections: 0,
      idleFloor: 2,
      idleTimeoutMs: 1_000,
      exactIdleTimeout: true,
    });
    expect(run.server.open).toBe(0);
    await use(run, 4);
    await run.clock.advance(10_000);
    expect(run.server.open).toBe(2);
  });
});

describe('the idle timeout', () => {
  it('closes gradually, the coldest first, down to the minimum', async () => {
    const run = await setUp({
      minConnections: 2,
      idleTimeoutMs: 10_000,
      tuning: { shrinkWindowTicks: 5, shrinkAfterGrowthMs: 20_000 },
    });
    await use(run, 12);
    const { manager, server, clock } = run;
    expect(server.open).toBe(12);
    await clock.advance(18_000);
    expect(server.open).toBe(12);
    await clock.advance(60_000);
    expect(server.open).toBe(2);
    expect(manager.stats().destroyed).toEqual({ 'idle-timeout': 10 });
    for (const { from, to } of manager.scalingEvents().filter(({ from, to }) => to < from)) {
      expect(from - to).toBe(1);
    }
  });

  it('is exact to the millisecond where that is asked for', async () => {
    const run = await setUp({ minConnections: 0, idleTimeoutMs: 50, exactIdleTimeout: true });
    const { manager, server, clock } = run;
    const asked = [manager.getConnection(), manager.getConnection()];
    await clock.advance(20);
    const [a, b] = await Promise.all(asked);
    void a?.release();
    await clock.advance(30);
    void b?.release();
    await clock.advance(19);
    expect(server.open).toBe(2);
    await clock.advance(1);
    expect(server.open).toBe(1);
    await clock.advance(29);
    expect(server.open).toBe(1);
    await clock.advance(1);
    expect(server.open).toBe(0);
  });
});

describe('the lifetime', () => {
  it('F81: 500 connections born in seconds do not die in seconds: at most 1 % a second, spread by jitter', async () => {
    const { manager, server, clock } = await setUp({
      minConnections: 500,
      connectionLifetimeMs: 600_000,
      maxConnecting: 16,
      idleTimeoutMs: Number.POSITIVE_INFINITY,
    });
    await clock.advance(10_000);
    expect(server.open).toBe(500);
    let closed = 0;
    let most = 0;
    let lowest = 500;
    for (let second = 0; second < 660; second++) {
      await clock.advance(1_000);
      most = Math.max(most, server.closed - closed);
      closed = server.closed;
      lowest = Math.min(lowest, server.open);
    }
    expect(closed).toBeGreaterThanOrEqual(500);
    expect(most).toBeLessThanOrEqual(5);
    // Replaced before it is retired: the minimum is never below itself.
    expect(lowest).toBeGreaterThanOrEqual(499);
    expect(manager.stats().destroyed).toMatchObject({ lifetime: closed });
  }, 60_000);

  it('F81: without jitter as well, after a quiet time: one by one, 1 % in any second', async () => {
    const { server, clock } = await setUp({
      minConnections: 500,
      connectionLifetimeMs: 600_000,
      lifetimeJitter: 0,
      maxConnecting: 16,
      idleTimeoutMs: Number.POSITIVE_INFINITY,
    });
    await clock.advance(590_000);
    const closedAt: number[] = [];
    for (let ms = 0; ms < 112_000; ms += 20) {
      const { closed } = server;
      await clock.advance(20);
      for (let i = closed; i < server.closed; i++) closedAt.push(ms);
    }
    expect(closedAt).toHaveLength(500);
    const inSecondOf = (from: number): number =>
      closedAt.filter((at) => at >= from && at < from + 1_000).length;
    expect(Math.max(...closedAt.map(inSecondOf))).toBeLessThanOrEqual(5);
  }, 60_000);

  it('ends for a connection in use when it comes back', async () => {
    const { manager, clock } = await setUp({
      minConnections: 1,
      maxConnections: 1,
      connectionLifetimeMs: 1_000,
      lifetimeJitter: 0,
    });
    const lease = await manager.getConnection();
    await clock.advance(5_000);
    expect(lease.connection.open).toBe(true);
    void lease.release();
    expect(manager.stats().destroyed).toEqual({ lifetime: 1 });
  });

  it('of one that came back before its turn to retire ends with nobody else about', async () => {
    const { manager, clock } = await setUp({
      minConnections: 0,
      maxConnections: 2,
      connectionLifetimeMs: 60_000,
      lifetimeJitter: 0,
      idleTimeoutMs: Number.POSITIVE_INFINITY,
    });
    const asked = [manager.getConnection(), manager.getConnection()];
    await clock.advance(61_000);
    for (const lease of await Promise.all(asked)) void lease.release();
    // One by one, a second apart.
    expect(manager.stats().destroyed).toEqual({ lifetime: 1 });
    await clock.advance(3_000);
    expect(manager.stats().destroyed).toEqual({ lifetime: 2 });
  });

  it.each([
    ['lent as another one was looked at', 'lent', 9, 11],
    ['being examined as another one was looked at', 'examined', 9, 11],
    ['being examined as its time came', 'examined', 14, 15.5],
  ])(
    'of one that was %s, and that nobody asks for then, ends in time',
    async (_, how, from, to) => {
      const { manager, server, clock } = await setUp({
        minConnections: 0,
        connectionLifetimeMs: 10_000,
        lifetimeJitter: 0,
        idleTimeoutMs: Number.POSITIVE_INFINITY,
        healthCheckIntervalMs: Number.POSITIVE_INFINITY,
        // No second one because of the first.
        scalingThreshold: 1,
      });
      const { pool } = manager;
      const start = clock.now();
      const at = (second: number) => clock.advance(start + second * 1_000 - clock.now());
      const lend = async () => {
        const asked = manager.getConnection();
        await clock.advance(10);
        return asked;
      };
      // The time of the one comes after 10 s, that of the other after 15 s.
      const older = await lend();
      await at(5);
      const younger = await lend();
      void older.release();
      void younger.release();
      await at(from);
      if (how === 'lent') {
        const lease = await lend();
        await at(to);
        void lease.release();
      } else {
        const youngest = [...pool.entries()].at(-1);
        if (youngest === undefined) throw new Error('it is gone already');
        pool.beginProbe(youngest);
        await at(to);
        pool.endProbe(youngest);
      }
      await at(16);
      expect(server).toMatchObject({ opened: 2, open: 0 });
    },
  );

  it('is no reason to wake all the time while no substitute is to be had', async () => {
    const { manager, server, clock } = await setUp({
      minConnections: 20,
      connectionLifetimeMs: 10_000,
      lifetimeJitter: 0.5,
    });
    server.refuse();
    const set = vi.spyOn(clock, 'setTimeout');
    await clock.advance(30_000);
    expect(manager.stats().size).toBe(20);
    expect(set.mock.calls.length).toBeLessThan(30 * 60);
    server.accept();
    await clock.advance(60_000);
    expect(manager.stats().destroyed.lifetime).toBeGreaterThanOrEqual(20);
  });

  it('F80: does not feel the wall clock jump', async () => {
    const { server, clock } = await setUp({ minConnections: 2, connectionLifetimeMs: 600_000 });
    clock.jumpWall(7_200_000);
    await clock.advance(10_000);
    clock.jumpWall(-14_400_000);
    await clock.advance(10_000);
    expect(server).toMatchObject({ opened: 2, closed: 0 });
  });
});

describe('maxUses', () => {
  it('retires a connection after so many leases', async () => {
    const { manager, clock } = await setUp({ minConnections: 0, maxUses: 3 });
    const ids: number[] = [];
    for (let i = 0; i < 7; i++) {
      const asked = manager.getConnection();
      await clock.advance(1_000);
      const lease = await asked;
      ids.push(lease.connection.id);
      void lease.release();
    }
    expect(ids).toEqual([1, 1, 1, 2, 2, 2, 3]);
  });
});

describe('an idle pool', () => {
  it('at its minimum sets no timer but that of the next health check and lifetime', async () => {
    const { clock } = await setUp({
      minConnections: 2,
      connectionLifetimeMs: Number.POSITIVE_INFINITY,
      healthCheckIntervalMs: Number.POSITIVE_INFINITY,
    });
    await clock.advance(10_000);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('grows again by its utilisation when it wakes, without anybody having waited', async () => {
    const { manager, clock } = await setUp({ minConnections: 10 });
    await clock.advance(60_000);
    const leases = await Promise.all(Array.from({ length: 9 }, () => manager.getConnection()));
    await clock.advance(4_000);
    expect(manager.stats().size).toBe(14);
    expect(manager.scalingEvents().slice(-2)).toMatchObject([
      { reason: 'utilization-high', from: 10, to: 14 },
      // What it may have goes ahead of what it has.
      { reason: 'ceiling-step', from: 16, to: 18 },
    ]);
    for (const lease of leases) void lease.release();
  });
});
