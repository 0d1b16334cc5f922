import { FakeClock } from '@fynlo/testing/fake-clock';
import { type FakeConnection, FakeServer } from '@fynlo/testing/fake-connection';
import { describe, expect, it } from 'vitest';
import { fakeFactory } from './_fake_factory_fixture.ts';
import { seeded } from './_simulation_fixture.ts';
import {
  AcquireTimeoutError,
  DynamicConnectionPoolManager,
  type DynamicConnectionPoolManagerOptions,
} from './manager.ts';

type Options = Partial<DynamicConnectionPoolManagerOptions<FakeConnection>>;

const HOUR = 3_600_000;

async function setUp(options: Options = {}) {
  const clock = new FakeClock();
  const server = new FakeServer({ clock, latencyMs: 5 });
  const checked = new Set<number>();
  const states: string[] = [];
  const manager = new DynamicConnectionPoolManager<FakeConnection>({
    clock,
    random: seeded(7),
    minConnections: 10,
    maxConnections: 10,
    connectionLifetimeMs: Number.POSITIVE_INFINITY,
    idleTimeoutMs: Number.POSITIVE_INFINITY,
    factory: {
      ...fakeFactory(server),
      // The answer takes a round trip.
      validate: (connection) =>
        new Promise((resolve) => {
          clock.setTimeout(() => {
            checked.add(connection.id);
            resolve(connection.open);
          }, 20);
        }),
    },
    ...options,
  });
  manager.on('stateChanged', ({ to }) => void states.push(to));
  void manager.start();
  await clock.advance(200);
  return { clock, server, manager, checked, states };
}

describe('F80: the wall clock', () => {
  it.each([
    ['an hour forward', HOUR],
    ['an hour back', -HOUR],
    ['a day back', -24 * HOUR],
  ])('that is set %s moves no deadline, check, lifetime or idle timeout', async (_, jumpMs) => {
    const { clock, server, manager, checked } = await setUp({
      idleTimeoutMs: 600_000,
      connectionLifetimeMs: 600_000,
    });
    const leases = await Promise.all(Array.from({ length: 10 }, () => manager.getConnection()));
    const refused = manager.getConnection({ timeoutMs: 5_000 }).catch((error: unknown) => error);
    clock.jumpWall(jumpMs);
    await clock.advance(4_999);
    expect(manager.stats().waiting).toBe(1);
    await clock.advance(1);
    expect(await refused).toMatchObject({ waitedMs: 5_000 });
    for (const lease of leases) void lease.release();
    await clock.advance(1_000);
    expect([checked.size, server.opened, server.closed]).toEqual([0, 10, 0]);
    manager.pool.assertInvariants();
  });
});

describe('F80: a machine that slept for eight hours', () => {
  it('closes no idle connection unasked: each is checked, a few at a time, while callers are served', async () => {
    const { clock, server, manager, checked, states } = await setUp();
    await clock.leap(8 * HOUR);
    await clock.advance(1);
    expect(manager.stats()).toMatchObject({ size: 10, probing: 2, destroyed: {} });
    const lease = await manager.getConnection();
    expect(lease.connection.open).toBe(true);
    await clock.advance(1_000);
    void lease.release();
    expect(checked.size).toBe(9);
    expect([server.opened, server.closed, states]).toEqual([10, 0, []]);
  });

  it('closes those that the check finds dead, and only those', async () => {
    const { clock, server, manager } = await setUp();
    const [first, second] = server.connections;
    await clock.leap(8 * HOUR);
    first?.lose();
    second?.lose();
    await clock.advance(1_000);
    expect(manager.stats()).toMatchObject({ size: 10, idle: 10 });
    expect(server.opened).toBe(12);
  });

  it('leaves leases alone, lets a connect under way finish, and does not take its sleep for load', async () => {
    const { clock, server, manager, states } = await setUp({
      minConnections: 3,
      maxConnections: 20,
      connectTimeoutMs: 2_000,
    });
    const leases = await Promise.all(Array.from({ length: 3 }, () => manager.getConnection()));
    server.latencyMs = 1_500;
    const asked = manager.getConnection({ timeoutMs: Number.POSITIVE_INFINITY });
    await clock.advance(100);
    expect(server.pending).toBe(1);
    await clock.leap(8 * HOUR);
    await clock.advance(1_600);
    const late = await asked;
    expect(server.aborted).toBe(0);
    expect(manager.stats()).toMatchObject({ leased: 4, createFailures: 0, destroyed: {} });
    expect(states).toEqual([]);
    for (const lease of [...leases, late]) void lease.release();
    await clock.advance(5_000);
    expect(manager.stats().size).toBeLessThanOrEqual(4);
    manager.pool.assertInvariants();
  });

  it('refuses who waited past the deadline at once, and nobody else', async () => {
    const { clock, manager } = await setUp({ acquireTimeoutMs: 30_000 });
    const leases = await Promise.all(Array.from({ length: 10 }, () => manager.getConnection()));
    const refused = manager.getConnection().catch((error: unknown) => error);
    const patient = manager.getConnection({ timeoutMs: 24 * HOUR });
    await clock.leap(8 * HOUR);
    await clock.advance(1);
    expect(await refused).toBeInstanceOf(AcquireTimeoutError);
    expect(manager.stats().waiting).toBe(1);
    void leases[0]?.release();
    await (await patient).release();
  });

  it('serves who waited past the deadline when a connection came back in the same moment', async () => {
    const { clock, manager } = await setUp({ acquireTimeoutMs: 30_000 });
    const leases = await Promise.all(Array.from({ length: 10 }, () => manager.getConnection()));
    const waiting = manager.getConnection();
    // The answer lies unread in a socket: its holder hears of it in the turn after the timers.
    clock.setTimeout(() => void leases[0]?.release(), 8 * HOUR);
    await clock.leap(8 * HOUR);
    expect((await waiting).connection.open).toBe(true);
  });

  it('replaces connections past their lifetime one after the other, each after its substitute', async () => {
    const { clock, server, manager } = await setUp({ connectionLifetimeMs: HOUR });
    manager.resize({ max: 20 });
    await clock.leap(8 * HOUR);
    let lowest = 10;
    let closed = 0;
    for (let second = 0; second < 15; second++) {
      await clock.advance(1_000);
      lowest = Math.min(lowest, server.open);
      expect(server.closed - closed).toBeLessThanOrEqual(2);
      ({ closed } = server);
    }
    expect(closed).toBe(10);
    expect(lowest).toBe(10);
    expect(manager.stats().destroyed).toEqual({ lifetime: 10 });
  });
});
