import { FakeClock } from '@fynlo/testing/fake-clock';
import { type FakeConnection, FakeServer } from '@fynlo/testing/fake-connection';
import { describe, expect, it, vi } from 'vitest';
import {
  type ConnectionFactory,
  DynamicConnectionPoolManager,
  type DynamicConnectionPoolManagerOptions,
  InvalidOptionError,
} from './manager.ts';

type Options = Partial<DynamicConnectionPoolManagerOptions<FakeConnection>>;

async function setUp(options: Options = {}, more: Partial<ConnectionFactory<FakeConnection>> = {}) {
  const clock = new FakeClock();
  const server = new FakeServer({ clock, latencyMs: 5 });
  let seed = 0;
  const factory: ConnectionFactory<FakeConnection> = {
    create: async (signal, lost) => {
      const connection = await server.connect(signal);
      connection.onLost(lost);
      return connection;
    },
    destroy: (connection) => connection.close(),
    isUsable: (connection) => connection.open,
    ...more,
  };
  const manager = new DynamicConnectionPoolManager<FakeConnection>({
    clock,
    // Spread evenly, the same every time.
    random: () => (seed = (seed + 0.618_034) % 1),
    factory,
    ...options,
  });
  void manager.start();
  await clock.advance(200);
  return { clock, server, manager, factory };
}

/** Leases `count` connections at once and gives them back. */
async function use({ manager, clock }: Awaited<ReturnType<typeof setUp>>, count: number) {
  const asked = Array.from({ length: count }, () => manager.getConnection());
  await clock.advance(2_000);
  const leases = await Promise.all(asked);
  for (const lease of leases) void lease.release();
}

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

describe('the health monitor', () => {
  const minute = 60_000;

  it('F20: finds connections that a NAT device has dropped before a user does', async () => {
    const { manager, server, clock } = await setUp(
      { minConnections: 4, connectionLifetimeMs: Number.POSITIVE_INFINITY },
      // Dead, but nobody has told.
      { validate: (connection) => connection.id > 4, isUsable: () => true },
    );
    await clock.advance(minute);
    expect(manager.stats().destroyed).toEqual({ unhealthy: 4 });
    expect(server.open).toBe(4);
    const lease = await manager.getConnection();
    expect(lease.connection.id).toBeGreaterThan(4);
  });

  it('asks each idle connection once per interval, and none that a user just had', async () => {
    const asked = new Map<number, number>();
    const { manager, clock } = await setUp(
      { minConnections: 3, connectionLifetimeMs: Number.POSITIVE_INFINITY },
      {
        validate: (connection) => {
          asked.set(connection.id, (asked.get(connection.id) ?? 0) + 1);
          return true;
        },
      },
    );
    for (let second = 0; second < 300; second++) {
      // Always the hottest.
      await manager.withConnection(() => undefined);
      await clock.advance(1_000);
    }
    const counts = [...asked.values()].sort();
    expect(counts).toHaveLength(2);
    for (const count of counts) {
      expect(count).toBeGreaterThanOrEqual(9);
      expect(count).toBeLessThanOrEqual(10);
    }
  });

  it('gives up on a check that does not end, and leaves connections for the users meanwhile', async () => {
    const { manager, clock } = await setUp(
      {
        minConnections: 4,
        maxConnections: 4,
        healthCheckTimeoutMs: 2_000,
        connectionLifetimeMs: Number.POSITIVE_INFINITY,
      },
      { validate: (connection) => (connection.id <= 4 ? new Promise(() => undefined) : true) },
    );
    await clock.advance(30_100);
    expect(manager.stats()).toMatchObject({ probing: 1, idle: 3 });
    const leases = await Promise.all([1, 2, 3].map(() => manager.getConnection()));
    for (const lease of leases) void lease.release();
    await clock.advance(minute);
    expect(manager.stats().destroyed).toMatchObject({ unhealthy: 4 });
    expect(manager.stats().idle).toBe(4);
  });

  it('begins no check while somebody waits, and a connection under check goes to who waits', async () => {
    let finish: (alive: boolean) => void = () => undefined;
    const { manager, clock } = await setUp(
      {
        minConnections: 1,
        maxConnections: 1,
        connectionLifetimeMs: Number.POSITIVE_INFINITY,
      },
      { validate: () => new Promise((resolve) => (finish = resolve)) },
    );
    await clock.advance(31_000);
    expect(manager.stats().probing).toBe(1);
    const waiting = manager.getConnection();
    finish(true);
    const lease = await waiting;
    expect(lease.connection.id).toBe(1);
    const behind = manager.getConnection({ timeoutMs: Number.POSITIVE_INFINITY });
    await clock.advance(120_000);
    expect(manager.stats()).toMatchObject({ probing: 0, waiting: 1 });
    void lease.release();
    await (await behind).release();
  });
});

describe('resize()', () => {
  it('opens to a higher minimum and closes to a lower maximum, idle ones now, leased ones when they come back', async () => {
    const { manager, server, clock } = await setUp({ minConnections: 2, maxConnections: 10 });
    manager.resize({ min: 6 });
    await clock.advance(100);
    expect(server.open).toBe(6);
    const leases = await Promise.all([1, 2, 3].map(() => manager.getConnection()));
    manager.resize({ min: 1, max: 2 });
    expect(server.open).toBe(3);
    for (const lease of leases) void lease.release();
    expect(server.open).toBe(2);
    expect(manager.stats()).toMatchObject({ min: 1, max: 2, idle: 2 });
    manager.pool.assertInvariants();
  });

  it.each([{ min: 5, max: 4 }, { min: 11 }, { max: 0 }, { min: -1 }, { max: Number.NaN }])(
    'refuses %o',
    async (bounds) => {
      const { manager } = await setUp({ minConnections: 1, maxConnections: 10 });
      expect(() => manager.resize(bounds)).toThrow(InvalidOptionError);
      expect(manager.stats()).toMatchObject({ min: 1, max: 10 });
    },
  );
});

describe('warm()', () => {
  it('opens ahead of a load, past the steps of the ceiling, and resolves when they are there', async () => {
    const { manager, server, clock } = await setUp({ minConnections: 2, maxConnections: 200 });
    let warm = false;
    void manager.warm(120).then(() => {
      warm = true;
    });
    await clock.advance(1_000);
    expect(warm).toBe(true);
    expect(server.open).toBe(120);
    expect(server.peakPending).toBeLessThanOrEqual(16);
    await clock.advance(2_000);
    expect(server.open).toBe(120);
    expect(manager.scalingEvents().map(({ reason }) => reason)).toContain('warm');
  });

  it('resolves as well when the server cannot be reached', async () => {
    const { manager, server, clock } = await setUp({ minConnections: 0 });
    server.refuse();
    const warm = manager.warm(5);
    await clock.advance(100);
    await warm;
    expect(manager.stats().size).toBe(0);
  });

  it('resolves with what there is when one of its connects fails', async () => {
    let connects = 0;
    const run = await setUp({ minConnections: 0 });
    const { create } = run.factory;
    run.factory.create = async (signal, lost) => {
      if (++connects === 2) throw new Error('not this one');
      return create(signal, lost);
    };
    const warm = run.manager.warm(4);
    await run.clock.advance(500);
    await warm;
    expect(run.manager.stats().size).toBe(3);
  });

  it('resolves when the bounds no longer have room for it, and what is closed later stays closed', async () => {
    const { manager, clock } = await setUp({ minConnections: 0, maxConnections: 100 });
    const warm = manager.warm(60);
    manager.resize({ max: 10 });
    await clock.advance(500);
    await warm;
    expect(manager.stats().size).toBe(10);
    manager.resize({ max: 100 });
    expect(manager.evictIdle()).toBe(10);
    await clock.advance(5_000);
    expect(manager.stats().size).toBe(0);
  });

  it('is for the largest of those who ask at once; each hears of his own', async () => {
    const { manager, clock } = await setUp({ minConnections: 0, maxConnections: 100 });
    const both = Promise.all([manager.warm(50), manager.warm(20)]);
    await clock.advance(1_000);
    await both;
    expect(manager.stats().size).toBe(50);
    await manager.warm(50);
    manager.evictIdle();
    await clock.advance(5_000);
    expect(manager.stats().size).toBe(0);
  });
});

describe('evictIdle()', () => {
  it('closes what is idle above the minimum now, and says how many', async () => {
    const run = await setUp({ minConnections: 2 });
    await use(run, 8);
    expect(run.manager.evictIdle()).toBe(6);
    expect(run.server.open).toBe(2);
    expect(run.manager.evictIdle()).toBe(0);
  });
});

describe('suspend()', () => {
  it('hands nothing out until resume()', async () => {
    const { manager, clock } = await setUp({ minConnections: 2 });
    manager.suspend();
    let served = false;
    const waiting = manager.getConnection().then((lease) => {
      served = true;
      return lease;
    });
    await clock.advance(1_000);
    expect(served).toBe(false);
    manager.resume();
    await (await waiting).release();
    expect(served).toBe(true);
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
