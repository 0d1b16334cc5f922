import { describe, expect, it } from 'vitest';
import {
  Database,
  PEAK_PER_SECOND,
  Process,
  type Session,
  seeded,
  VirtualTime,
} from './_simulation_fixture.ts';
import type { ConnectionPoolMetrics } from './contract.ts';
import type { DynamicConnectionPoolManagerOptions } from './options.ts';

const SEED = 7;
const HALF_LOAD = 4_000;
type Options = Partial<DynamicConnectionPoolManagerOptions<Session>>;

function simulate(processes: number, seen: boolean, options: Options = {}, seed: number = SEED) {
  const time = new VirtualTime();
  const random = seeded(seed);
  const database = new Database(time, random);
  const factory = database.factory(seen);
  const all = Array.from(
    { length: processes },
    () => new Process(time, database, random, { factory, ...options }),
  );
  const rate = (from: number, to: number): number =>
    all.reduce((sum, process) => sum + process.rate(from, to), 0);
  const failed = (): number => all.reduce((sum, process) => sum + process.failed, 0);
  return { time, database, random, all, one: all[0] as Process, rate, failed };
}

/** How often the size turned from rising to falling or back. */
function turns(process: Process, from: number): number {
  let direction = 0;
  let count = 0;
  let last: number | undefined;
  for (const { at, size } of process.sizes) {
    if (at < from) continue;
    const step = last === undefined ? 0 : Math.sign(size - last);
    if (step !== 0 && direction !== 0 && step !== direction) count++;
    if (step !== 0) direction = step;
    last = size;
  }
  return count;
}

/** Opened and closed connections per minute between two times, as a share of the size. */
async function churn(run: ReturnType<typeof simulate>, from: number, to: number): Promise<number> {
  const moved = (): number => {
    const { created, destroyed } = run.one.manager.stats();
    return created + Object.values(destroyed).reduce((sum, count) => sum + count, 0);
  };
  await run.time.run(from);
  const before = moved();
  await run.time.run(to);
  return (moved() - before) / 2 / run.one.manager.pool.size / ((to - from) / 60_000);
}

describe('F44, P13: a database at 5 % speed for 4 s, at half load', () => {
  it.each([
    [1, false],
    [2, false],
    [4, false],
    [4, true],
    [8, true],
  ])(
    '%i processes (isBusy: %s) keep their size and have their throughput back within 10 s',
    async (processes, seen) => {
      for (const seed of [1, 2, 3]) {
        const { time, database, all, rate, failed } = simulate(processes, seen, {}, seed);
        for (const process of all) process.offer(() => HALF_LOAD / processes);
        await time.run(20_000);
        const before = Math.max(...all.map(({ manager }) => manager.pool.size));
        database.speed = 0.05;
        await time.run(24_000);
        database.speed = 1;
        await time.run(36_000);
        const peak = Math.max(...all.map((process) => process.peak(20_000, 36_000)));
        const says = `seed ${seed}: size ${before} -> ${peak}`;
        expect(peak, says).toBeLessThanOrEqual(3 * before);
        expect(rate(33_000, 34_000), says).toBeGreaterThan(0.9 * HALF_LOAD);
        expect(failed(), says).toBe(0);
      }
    },
    60_000,
  );

  it('the thresholds alone, without a ceiling, do not survive it', async () => {
    const { time, database, one } = simulate(1, false, { adaptiveCeiling: false });
    one.offer(() => HALF_LOAD);
    await time.run(20_000);
    database.speed = 0.05;
    await time.run(24_000);
    database.speed = 1;
    await time.run(45_000);
    expect(one.rate(44_000, 45_000)).toBeLessThan(0.5 * HALF_LOAD);
  }, 30_000);

  it('a burst above capacity for 10 s is worked off at a size near the best', async () => {
    const rates: number[] = [];
    for (const seed of [1, 2, 3, 4, 5, 8]) {
      const { time, one } = simulate(1, false, {}, seed);
      one.offer((at) => (at >= 20_000 && at < 30_000 ? 9_000 : HALF_LOAD));
      await time.run(45_000);
      const says = `seed ${seed}`;
      rates.push(one.rate(22_000, 30_000));
      expect(rates.at(-1), says).toBeGreaterThan(0.9 * PEAK_PER_SECOND);
      expect(one.peak(20_000, 45_000), says).toBeLessThanOrEqual(64);
      expect(one.rate(40_000, 45_000), says).toBeGreaterThan(0.95 * HALF_LOAD);
      expect(one.failed, says).toBe(0);
    }
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
    expect(mean).toBeGreaterThan(0.95 * PEAK_PER_SECOND);
  }, 60_000);
});

describe('P14: 200 callers, at most 500 connections', () => {
  it('find a size that serves at least 95 % of what the best size would', async () => {
    const { time, one } = simulate(1, true);
    one.loop(200, 40_000, (again) => one.request(again));
    await time.run(40_000);
    expect(one.rate(5_000, 40_000)).toBeGreaterThan(0.95 * PEAK_PER_SECOND);
    expect(one.manager.explain()).toMatch(/leased connections did \d+\/s where \d+/);
  }, 30_000);
});

describe('F47: the knee of a database', () => {
  it.each([
    [4, 150],
    [8, 100],
    [12, 100],
    [24, 100],
    [60, 60],
    [150, 30],
    [24, 30],
  ])(
    'at %i connections of %i statements a second each is found within 30 %',
    async (knee, each) => {
      for (const seed of [1, 2]) {
        const time = new VirtualTime();
        const random = seeded(seed);
        // In proportion up to the knee; beyond it they get in each other's way.
        const database = new Database(
          time,
          random,
          (n) => each * (n <= knee ? n : knee * Math.sqrt(knee / n)),
        );
        const factory = database.factory(true);
        const one = new Process(time, database, random, { factory, minConnections: 2 });
        one.loop(400, 60_000, (again) => one.request(again));
        await time.run(60_000);
        const sizes = one.sizes.filter(({ at }) => at >= 20_000).map(({ size }) => size);
        sizes.sort((a, b) => a - b);
        const median = sizes[sizes.length >> 1] as number;
        const says = `seed ${seed}: ${median}`;
        expect(median, says).toBeGreaterThanOrEqual(knee * 0.7);
        // Up to sixteen, growth is not judged step by step.
        expect(median, says).toBeLessThanOrEqual(knee < 10 ? 16 : knee * 1.3);
        if (knee >= 10) expect(one.rate(20_000, 60_000), says).toBeGreaterThan(0.8 * knee * each);
      }
    },
    60_000,
  );
});

describe('P15: 500 callers that hold a connection and think', () => {
  it.each([50, 200, 2_000, 30_000])(
    'for %i ms get 500 connections within 5 s, cold',
    async (ms) => {
      const { time, one, database } = simulate(1, false);
      // 510, so that at any moment 500 of them hold one, however short the time between.
      one.loop(510, 8_000, (again) => one.hold(ms, again));
      await time.run(8_000);
      expect(one.sizes.find(({ size }) => size >= 500)?.at).toBeLessThanOrEqual(5_000);
      expect(database.open).toBe(500);
    },
  );

  it('get them after any other load as well, where the pool can see that they think', async () => {
    for (const ms of [200, 2_000]) {
      const { time, one } = simulate(1, true);
      one.offer((at) => (at < 10_000 ? 2_000 : 0));
      await time.run(10_000);
      one.loop(510, 20_000, (again) => one.hold(ms, again));
      await time.run(20_000);
      expect(one.sizes.find(({ size }) => size >= 500)?.at).toBeLessThanOrEqual(15_000);
    }
  });

  it('get them later where it cannot: what comes back more slowly could be a stall', async () => {
    const { time, one } = simulate(1, false);
    one.offer((at) => (at < 10_000 ? 2_000 : 0));
    await time.run(10_000);
    one.loop(510, 45_000, (again) => one.hold(200, again));
    await time.run(45_000);
    const reached = one.sizes.find(({ size }) => size >= 500)?.at ?? Number.POSITIVE_INFINITY;
    expect(reached).toBeLessThanOrEqual(40_000);
  });
});

describe('F45: 10 -> 500 -> 10', () => {
  it('goes up once and comes back once, by what the events say', async () => {
    const { time, one } = simulate(1, true, { idleTimeoutMs: 5_000 });
    one.loop(510, 30_000, (again) => one.hold(200, again));
    await time.run(240_000);
    expect(one.peak(0, 30_000)).toBe(500);
    expect(one.manager.pool.size).toBe(10);
    expect(turns(one, 0)).toBe(1);
    const reasons = new Set(one.manager.scalingEvents().map(({ reason }) => reason));
    expect([...reasons].sort()).toEqual(
      expect.arrayContaining(['idle', 'minimum', 'utilization-low', 'waiters']),
    );
    const falling = one.manager
      .scalingEvents()
      .filter(({ from, to, reason }) => to < from && !reason.startsWith('ceiling'));
    for (const { from, to, reason, inputs } of falling) {
      expect(from - to).toBeLessThanOrEqual(Math.max(1, from * 0.1));
      if (reason === 'utilization-low') expect(inputs['utilization']).toBeLessThan(0.3);
    }
  }, 30_000);

  it.each([100, 400, 900])(
    'a constant load of %i/s turns the size at most once',
    async (perSecond) => {
      const { time, one, random } = simulate(1, true);
      const next = (): void => {
        one.hold(50 + 100 * random());
        time.setTimeout(next, (-Math.log(1 - random()) * 1_000) / perSecond);
      };
      next();
      await time.run(900_000);
      expect(turns(one, 10_000)).toBeLessThanOrEqual(1);
      expect(one.failed).toBe(0);
    },
    60_000,
  );
});

describe('F46: a sawtooth load', () => {
  it.each([5, 30, 120])(
    'with a period of %i s moves at most 5 % of the connections a minute',
    async (period) => {
      const run = simulate(1, true);
      const { time, one } = run;
      const next = (): void => {
        const phase = ((time.now() / 1_000) % period) / period;
        one.hold(200);
        time.setTimeout(next, 1_000 / (25 + 475 * phase));
      };
      next();
      expect(await churn(run, 2 * period * 1_000, 900_000)).toBeLessThan(0.05);
    },
    60_000,
  );
});

describe('F42, P9: HikariCP’s spike', () => {
  it('five warm connections, a connect of 150 ms, fifty requests of 2 ms: over in 40 ms, at most seven connections', async () => {
    const { time, database, one } = simulate(1, false, { minConnections: 5, maxConnections: 50 });
    database.connectMs = 1;
    void one.manager.start();
    await time.run(1_000);
    database.connectMs = 150;
    for (let i = 0; i < 50; i++) one.hold(2);
    await time.run(2_000);
    expect(one.done).toBe(50);
    expect(Math.max(...one.finished.map(({ tookMs }) => tookMs))).toBeLessThanOrEqual(40);
    expect(database.opened).toBeLessThanOrEqual(7);
  });
});

describe('F40: a server with room for 30', () => {
  it('is not stormed: the ceiling comes down to what there is, waiters are served by it, and it grows when there is room', async () => {
    const { time, database, one } = simulate(1, true, { acquireTimeoutMs: 20_000 });
    database.maxConnections = 30;
    one.loop(60, 60_000, (again) => one.hold(100, again));
    await time.run(20_000);
    expect(one.failed).toBe(0);
    expect(database.peak).toBe(30);
    expect(one.manager.stats().createFailures).toBeLessThan(60);
    expect(one.manager.state).toBe('ready');
    expect(one.manager.explain()).toMatch(
      /ceiling \d+ -> \d+.*, as the server refused one more with \d+ open/,
    );
    database.maxConnections = 200;
    await time.run(60_000);
    expect(database.peak).toBeGreaterThanOrEqual(60);
    expect(one.failed).toBe(0);
  }, 30_000);
});

it('metrics() of a simulated pool are those of the pool', async () => {
  const { time, one } = simulate(1, false, { minConnections: 4 });
  for (let i = 0; i < 3; i++) one.hold(10_000);
  await time.run(1_000);
  const metrics: ConnectionPoolMetrics = one.manager.metrics();
  expect(metrics).toMatchObject({ activeConnections: 3, idleConnections: 1, totalConnections: 4 });
  expect(metrics.poolUtilization).toBe(0.75);
  expect(metrics.connectionWaitTime).toBeCloseTo(10, 5);
});

it('waves of callers that think do not wait for the steps of the ceiling', async () => {
  const { time, one } = simulate(1, true, { minConnections: 0, maxConnections: 100 });
  one.offer(() => 200);
  await time.run(5_000);
  // 1 200 a second that hold 50 ms each: 60 at once.
  for (let at = 0; at < 500; at += 1 / 1.2) time.setTimeout(() => one.hold(50), at);
  await time.run(6_000);
  const waves = one.finished.filter(({ at }) => at > 5_050).map(({ tookMs }) => tookMs - 50);
  waves.sort((a, b) => a - b);
  expect(waves[Math.floor(waves.length * 0.95)]).toBeLessThan(100);
});
