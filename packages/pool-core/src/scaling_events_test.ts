import { FakeClock } from '@fynlo/testing/fake-clock';
import { type FakeConnection, FakeServer } from '@fynlo/testing/fake-connection';
import { describe, expect, it } from 'vitest';
import type { ScalingEvent } from './contract.ts';
import { DynamicConnectionPoolManager } from './manager.ts';

/** A pool with the documented defaults: 10..500, 80 %, 30 %, five minutes. */
async function setUp() {
  const clock = new FakeClock();
  const server = new FakeServer({ clock, latencyMs: 5 });
  const pool = new DynamicConnectionPoolManager<FakeConnection>({
    clock,
    random: () => 0.5,
    connectionLifetimeMs: Number.POSITIVE_INFINITY,
    healthCheckIntervalMs: Number.POSITIVE_INFINITY,
    factory: {
      create: (signal) => server.connect(signal),
      destroy: (connection) => connection.close(),
      isUsable: (connection) => connection.open,
      // Held, not working: callers that think.
      isBusy: () => false,
    },
  });
  const started = pool.start();
  await clock.advance(100);
  await started;
  const seconds = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await clock.advance(1_000);
  };
  const hold = async (count: number): Promise<void> => {
    const leases = Promise.all(Array.from({ length: count }, () => pool.getConnection()));
    await seconds(2);
    await leases;
  };
  const because = (reason: ScalingEvent['reason']): ScalingEvent[] =>
    pool.scalingEvents().filter((event) => event.reason === reason);
  return { clock, server, pool, seconds, hold, because };
}

describe('the threshold of 80 %, by what the events say', () => {
  it('is met by nine of ten leased: the pool grows to where 65 % would be, though nobody waits', async () => {
    const { pool, seconds, hold, because } = await setUp();
    await hold(9);
    await seconds(10);
    expect(pool.stats()).toMatchObject({ size: 14, waiting: 0 });
    expect(because('utilization-high')).toMatchObject([
      { from: 10, to: 14, inputs: { utilization: 0.9, threshold: 0.8, waiting: 0, leased: 9 } },
    ]);
    expect(because('waiters')).toEqual([]);
    expect(pool.explain()).toContain(
      'size 10 -> 14, as 90 % of the connections were leased, above the threshold of 80 %',
    );
  });

  it('is not met by eight of ten', async () => {
    const { pool, seconds, hold, because } = await setUp();
    await hold(8);
    await seconds(120);
    expect(pool.stats().size).toBe(10);
    expect(because('utilization-high')).toEqual([]);
  });
});

describe('the threshold of 30 %, by what the events say', () => {
  it('is met by five of twenty leased, once nobody has used the others for five minutes', async () => {
    const { pool, seconds, hold, because } = await setUp();
    void pool.warm(20);
    await hold(5);
    await seconds(285);
    expect(pool.stats().size).toBe(20);
    await seconds(30);
    const low = because('utilization-low');
    expect(low[0]).toMatchObject({
      from: 20,
      to: 18,
      inputs: { utilization: 0.25, threshold: 0.3, leased: 5 },
    });
    for (const { inputs } of low) expect(inputs['utilization']).toBeLessThan(0.3);
    // Where five of sixteen are leased it is above 30 %: what is idle goes one by one, by its idle timeout.
    expect(low.at(-1)?.to).toBe(16);
    expect(because('idle').map(({ from, to }) => from - to)).toEqual(Array(6).fill(1));
    expect(pool.stats().size).toBe(10);
  });

  it('is not met by seven of twenty: the idle timeout alone takes one a second', async () => {
    const { pool, seconds, hold, because } = await setUp();
    void pool.warm(20);
    await hold(7);
    await seconds(310);
    expect(because('utilization-low')).toEqual([]);
    expect(because('idle')[0]).toMatchObject({ from: 20, to: 19 });
  });
});

it('600 callers move it from 10 to 500 and not beyond, and it comes back to 10', async () => {
  const { pool, server, seconds } = await setUp();
  const callers = Array.from({ length: 600 }, () => pool.getConnection());
  await seconds(8);
  expect(pool.stats()).toMatchObject({ size: 500, leased: 500, waiting: 100 });
  for (const caller of callers) void caller.then((lease) => lease.release());
  await seconds(420);
  expect(pool.stats()).toMatchObject({ size: 10, waiting: 0, leased: 0 });
  expect(server.open).toBe(10);
  const sizes = pool
    .scalingEvents()
    .filter(({ reason }) => !/^(ceiling|server)/.test(reason))
    .flatMap(({ from, to }) => [from, to]);
  expect(Math.max(...sizes)).toBe(500);
  expect(Math.min(...sizes.slice(1))).toBe(10);
  expect(pool.stats()).toMatchObject({ min: 10, max: 500 });
});
