import { describe, expect, it } from 'vitest';
import { setUp } from './_lifecycle_fixture.ts';

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
