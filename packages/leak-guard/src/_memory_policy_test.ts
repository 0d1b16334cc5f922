import { describe, expect, test } from 'vitest';
import { type FloorPoint, MemoryJudge, worse } from './_memory_policy.ts';
import { resolveOptions } from './options.ts';
import type { MemoryTrend, MemoryVerdict } from './report.ts';

const SEED = 12_345;
const STEP_MS = 30_000;
const CONFIRM_MS = 1_200_000;

/** What one 30 s interval of a process looks like to the guard, MiB. */
interface Sample {
  heap: number;
  offHeap?: number;
  load?: number;
  /** Bytes that a registered cache says it holds. */
  cache?: number;
}
type Series = (t: number) => Sample;

function simulation(seed: number) {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const between = (a: number, b: number) => a + (b - a) * random();
  const noise = () => Array.from({ length: 12 }, random).reduce((a, b) => a + b, -6);
  const bursts = () => {
    let left = 0;
    return () => {
      if (left <= 0 && random() < 0.03) left = 3;
      left--;
      return left > 0 ? between(80, 200) : 0;
    };
  };
  const wave = () => {
    const phase = between(0, 2 * Math.PI);
    return (t: number) => 1.2 + Math.sin(phase + (t / 3600) * (Math.PI / 2));
  };
  const healthy: Record<string, () => Series> = {
    'a flat floor with noise': () => {
      const base = between(40, 400);
      const spread = between(0.5, 5);
      return () => ({ heap: base + spread * noise() });
    },
    'a large sawtooth of garbage': () => {
      const base = between(40, 200);
      const spread = between(1, 4);
      return () => ({ heap: base + spread * noise() });
    },
    'a warm-up that levels out': () => {
      const base = between(40, 100);
      const gain = between(60, 300);
      const tau = between(120, 400);
      return (t) => ({ heap: base + gain * (1 - Math.exp(-t / tau)) + noise() * between(0.5, 2) });
    },
    'a cache that is full after 20 minutes': () => {
      const base = between(50, 100);
      const gain = between(60, 200);
      const full = between(300, 1200);
      return (t) => ({ heap: base + gain * Math.min(1, t / full) + noise() });
    },
    'a registered cache that fills for 55 minutes': () => {
      const base = between(50, 100);
      const gain = between(60, 200);
      const full = between(1800, 3300);
      return (t) => {
        const cache = gain * Math.min(1, t / full);
        return { heap: base + cache + noise(), cache: cache * between(0.9, 1.1) };
      };
    },
    'bursts of 150 MB': () => {
      const base = between(50, 150);
      const burst = bursts();
      return () => ({ heap: base + burst() + noise() * 2 });
    },
    'a daily wave of load': () => {
      const base = between(60, 150);
      const gain = between(20, 80);
      const load = wave();
      return (t) => ({
        heap: base + gain * load(t) + noise() * 2,
        load: load(t) * (1 + 0.05 * noise()),
      });
    },
    'a mean-reverting walk': () => {
      const base = between(80, 200);
      const pull = between(0.1, 0.4);
      const spread = between(2, 6);
      let x = 0;
      return () => {
        x += -pull * x + spread * noise();
        return { heap: base + x };
      };
    },
  };
  const leaking: Record<string, () => Series> = {
    '1 MB a second': () => {
      const base = between(50, 150);
      const rate = between(0.8, 1.2);
      return (t) => ({ heap: base + rate * t + noise() * 3 });
    },
    '1 MB a minute': () => {
      const base = between(50, 150);
      const rate = between(0.8, 1.2) / 60;
      return (t) => ({ heap: base + rate * t + noise() * 1.5 });
    },
    '5 MB a minute under bursts': () => {
      const base = between(50, 150);
      const rate = between(4, 6) / 60;
      const burst = bursts();
      return (t) => ({ heap: base + rate * t + burst() + noise() * 2 });
    },
    '10 MB a minute off the heap': () => {
      const base = between(50, 150);
      const rate = between(8, 12) / 60;
      return (t) => ({ heap: base + noise() * 2, offHeap: 5 + rate * t + noise() });
    },
    '3 MB a minute while the load swings': () => {
      const base = between(60, 150);
      const gain = between(20, 80);
      const load = wave();
      const rate = between(2, 4) / 60;
      return (t) => ({
        heap: base + rate * t + gain * load(t) + noise() * 2,
        load: load(t) * (1 + 0.05 * noise()),
      });
    },
    'stairs of 20 MB each 4 minutes': () => {
      const base = between(50, 150);
      const period = between(180, 300);
      return (t) => ({ heap: base + 20 * Math.floor(t / period) + noise() * 2 });
    },
  };
  return { healthy, leaking, noise };
}

/** Minutes until `heap` or `off-heap` is called a leak; undefined when it never is. */
function alarmAt(series: Series, minutes: number, noise: () => number): number | undefined {
  const { trend, growthThresholdMb } = resolveOptions();
  const heap = new MemoryJudge({ ...trend, growthThresholdMb });
  const offHeap = new MemoryJudge({ ...trend, growthThresholdMb });
  for (let t = 0; t < minutes * 60; t += STEP_MS / 1000) {
    const sample = series(t);
    const out = sample.offHeap ?? 5;
    const shared = {
      t: t * 1000,
      load: sample.load ?? 1 + 0.1 * noise(),
      usedMb: sample.heap + out,
      limitMb: 1024,
    };
    const a = heap.push({ ...shared, floorMb: sample.heap - (sample.cache ?? 0) });
    const b = offHeap.push({ ...shared, floorMb: out });
    if (a.verdict === 'leak' || b.verdict === 'leak') return t / 60;
  }
  return undefined;
}

describe(`on simulated services (seed ${SEED})`, () => {
  test('L01 no healthy class raises an alarm within an hour', () => {
    const { healthy, noise } = simulation(SEED);
    const alarms = Object.entries(healthy).flatMap(([name, make]) =>
      Array.from({ length: 60 }, () => alarmAt(make(), 60, noise))
        .filter((at) => at !== undefined)
        .map((at) => `${name} after ${at} min`),
    );
    expect(alarms).toEqual([]);
  });

  test('L01 no healthy class raises an alarm within two hours', () => {
    const { healthy, noise } = simulation(SEED + 1);
    const alarms = Object.entries(healthy).flatMap(([name, make]) =>
      Array.from({ length: 25 }, () => alarmAt(make(), 120, noise))
        .filter((at) => at !== undefined)
        .map((at) => `${name} after ${at} min`),
    );
    expect(alarms).toEqual([]);
  });

  test.each([
    [60, 60, 0.85],
    [120, 25, 0.95],
  ])(
    'L02 within %i minutes at least the stated share of leaks is called one',
    (minutes, runs, floor) => {
      const { leaking, noise } = simulation(SEED + 2);
      const found = Object.values(leaking).map(
        (make) =>
          Array.from({ length: runs }, () => alarmAt(make(), minutes, noise)).filter(
            (at) => at !== undefined,
          ).length / runs,
      );
      expect(found.reduce((a, b) => a + b) / found.length).toBeGreaterThanOrEqual(floor);
    },
  );
});

function judge(): MemoryJudge {
  const { trend, growthThresholdMb } = resolveOptions();
  return new MemoryJudge({ ...trend, growthThresholdMb });
}

function feed(
  target: MemoryJudge,
  count: number,
  point: (i: number) => Partial<FloorPoint>,
): MemoryTrend[] {
  return Array.from({ length: count }, (_, i) =>
    target.push({ t: i * STEP_MS, floorMb: 100, load: 1, usedMb: 100, limitMb: 4096, ...point(i) }),
  );
}

const first = (trends: MemoryTrend[], verdict: MemoryVerdict) =>
  trends.findIndex((trend) => trend.verdict === verdict);

test('below the least number of points there is no verdict', () => {
  const trends = feed(judge(), 19, (i) => ({ floorMb: 100 + 10 * i }));
  expect(new Set(trends.map((trend) => trend.verdict))).toEqual(new Set(['insufficient-data']));
});

test('a steady rise is growing at the twentieth point and a leak after the confirmation time', () => {
  const trends = feed(judge(), 80, (i) => ({ floorMb: 100 + 2 * i }));
  expect(first(trends, 'growing')).toBe(19);
  expect(first(trends, 'leak')).toBe(19 + CONFIRM_MS / STEP_MS);
  expect(trends.at(-1)).toMatchObject({ slopeMbPerMin: 4 });
});

test('a rise that would reach the limit within ten minutes is a leak without confirmation', () => {
  const trends = feed(judge(), 21, (i) => ({
    floorMb: 100 + 20 * i,
    usedMb: 100 + 20 * i,
    limitMb: 600,
  }));
  expect(first(trends, 'leak')).toBe(19);
});

test('a rise that the load explains is healthy', () => {
  const trends = feed(judge(), 80, (i) => ({ floorMb: 100 + 2 * i, load: 10 + i }));
  expect(first(trends, 'leak')).toBe(-1);
});

test('the growth threshold marks a proven trend and never makes a verdict by itself', () => {
  const jump = feed(judge(), 60, (i) => ({ floorMb: i < 10 ? 100 : 400 }));
  expect(jump.every((trend) => trend.verdict !== 'leak' && trend.verdict !== 'growing')).toBe(true);
  const rise = feed(judge(), 40, (i) => ({ floorMb: 100 + 4 * i }));
  expect(rise[19]).toMatchObject({ verdict: 'growing', exceedsThreshold: false });
  expect(rise[39]).toMatchObject({ verdict: 'growing', exceedsThreshold: true });
});

test('a leak that stops is forgotten once the window no longer rises', () => {
  const trends = feed(judge(), 160, (i) => ({ floorMb: 100 + 2 * Math.min(i, 70) }));
  expect(first(trends, 'leak')).toBeGreaterThan(0);
  expect(trends.at(-1)?.verdict).toBe('healthy');
});

test('the worse of two kinds is named', () => {
  const base = {
    slopeMbPerMin: 0,
    growthMb: 0,
    floorMb: 0,
    p: 1,
    etaMs: null,
    exceedsThreshold: false,
    points: 0,
  };
  expect(worse({ ...base, verdict: 'growing' }, { ...base, verdict: 'leak' })).toBe('off-heap');
  expect(worse({ ...base, verdict: 'growing' }, { ...base, verdict: 'healthy' })).toBe('heap');
  expect(worse({ ...base, verdict: 'leak' }, { ...base, verdict: 'leak', slopeMbPerMin: 1 })).toBe(
    'off-heap',
  );
});
