/** What a caller asks of the size: other bounds, to be warm, to close what is idle, to hand nothing out. */
import { describe, expect, it } from 'vitest';
import { setUp, use } from './_lifecycle_fixture.ts';
import { InvalidOptionError } from './manager.ts';

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
