import { describe, expect, it } from 'vitest';
import { nextCeiling } from './_ceiling_limit.ts';
import {
  type CeilingState,
  type CeilingStep,
  type CeilingWindow,
  initialCeiling,
} from './_ceiling_state.ts';
import type { Evidence } from './_evidence.ts';
import { seeded } from './_simulation_fixture.ts';
import { DEFAULT_TUNING } from './tuning_options.ts';

const tuning = { ...DEFAULT_TUNING, scalingThreshold: 0.8 };

/** A second in which `size` connections were leased all the time and answered `perSecond`. */
function second(
  now: number,
  size: number,
  perSecond: number,
  more: Partial<CeilingWindow> = {},
): CeilingWindow {
  return {
    now,
    ms: 1_000,
    leasedMs: size * 1_000,
    completions: perSecond,
    heldMs: size * 1_000,
    size,
    opened: 0,
    waiting: 10,
    utilization: 1,
    busyShare: undefined,
    loopBusy: false,
    loopSaturated: false,
    min: 10,
    max: 500,
    ...more,
  };
}

/** Runs windows one after the other; returns each step. */
function through(state: CeilingState, ...windows: CeilingWindow[]): CeilingStep[] {
  let current = state;
  return windows.map((window) => {
    const step = nextCeiling(current, window, tuning);
    current = step.state;
    return step;
  });
}

const last = (steps: CeilingStep[]): CeilingStep => steps.at(-1) as CeilingStep;
const start = initialCeiling(tuning);

describe('the ceiling', () => {
  it('lets growth that pays go on, twice as far each time', () => {
    const steps = through(start, second(1, 16, 1_600), second(2, 16, 1_600), second(3, 32, 3_200));
    expect(steps.map(({ state }) => state.step)).toEqual([16, 32, 64]);
    expect(steps.every(({ change }) => change === undefined)).toBe(true);
  });

  it('begins to grow when throughput is level: what a process gains by warming up is nothing that growth bought', () => {
    const rates = [2_000, 4_000, 8_000, 12_000, 13_000];
    const steps = through(start, ...rates.map((rate, i) => second(i, 16, rate)));
    expect(steps.map(({ state }) => state.step)).toEqual([16, 16, 16, 16, 32]);
  });

  it('takes back what was allowed before anything was known, where the first look finds no level', () => {
    const nothing = second(1, 16, 0, { heldMs: 0 });
    const steps = through(start, nothing, second(2, 18, 1_600), second(3, 18, 3_200));
    expect(steps.map(({ state }) => state.step)).toEqual([20, 18, 18]);
  });

  it('does not grow while throughput falls', () => {
    const steps = through(start, second(1, 16, 1_600), second(2, 16, 1_400), second(3, 16, 1_390));
    expect(steps.map(({ state }) => state.step)).toEqual([16, 16, 32]);
  });

  it.each([
    ['in part', 2_400],
    ['more than in proportion', 4_800],
  ])('looks a second time at a size that paid %s before it grows further', (_, rate) => {
    const base = last(through(start, second(1, 16, 1_600), second(2, 16, 1_600))).state;
    const steps = through(base, second(3, 32, rate), second(4, 32, rate));
    expect(steps.map(({ state }) => state.step)).toEqual([32, 64]);
  });

  it('grows in small steps that have to pay in full while the event loop never rests: the server is likely not what is waited for', () => {
    const busy = { loopBusy: true };
    const base = last(through(start, second(1, 16, 1_600, busy), second(2, 16, 1_600, busy))).state;
    expect(base.step).toBe(20);
    const judged = (rate: number): CeilingStep => last(through(base, second(3, 20, rate, busy)));
    expect(judged(1_900)).toMatchObject({
      change: { reason: 'ceiling-frozen' },
      state: { ceiling: 16 },
    });
    expect(judged(2_000)).toMatchObject({ state: { phase: 'free', step: 25 } });
  });

  it('freezes at the smaller size when growth bought less than a quarter of its proportion', () => {
    const { state, change } = last(through(start, second(1, 16, 1_600), second(2, 32, 1_900)));
    expect(change?.reason).toBe('ceiling-frozen');
    expect(change?.inputs['elasticity']).toBeCloseTo(0.1875);
    expect(state).toMatchObject({ phase: 'held', ceiling: 16 });
  });

  it('is back at the size from before a first growth that cost throughput, and soon asks whether fewer do as much', () => {
    const base = last(through(start, second(1, 32, 1_000), second(2, 32, 1_000))).state;
    const { state, change } = last(through(base, second(3, 64, 730)));
    expect(change?.reason).toBe('ceiling-frozen');
    expect(state).toMatchObject({ phase: 'held', ceiling: 32, probeDown: true });
    // What it did before is what it is held against: to do it again is no recovery, after which nothing would be asked for long.
    const again = through(state, second(503, 32, 1_010), second(1_103, 32, 1_010));
    expect(again.map((step) => step.state.phase)).toEqual(['held', 'trial']);
    expect(last(again).state.ceiling).toBe(25);
  });

  it('stays where it is when that was no first growth, or when it collapsed', () => {
    const base = last(through(start, second(1, 32, 1_000), second(2, 32, 1_000))).state;
    expect(last(through(base, second(3, 64, 490))).state.ceiling).toBe(64);
    const probe = { ...base, ceiling: 64, step: 64 };
    expect(last(through(probe, second(3, 64, 730))).state.ceiling).toBe(64);
  });

  it('does not follow growth by more until that is judged', () => {
    const base = last(through(start, second(1, 32, 1_000), second(2, 32, 1_000))).state;
    expect(base.step).toBe(64);
    // Too little for a verdict about a quarter less, each of them.
    const quarter = (now: number, size: number): CeilingWindow => ({
      ...second(now, size, 186),
      ms: 250,
      leasedMs: size * 250,
      heldMs: size * 250,
    });
    const steps = through(base, ...[3, 253, 503, 753].map((now) => quarter(now, 64)));
    expect(steps.map(({ state }) => state.step)).toEqual([64, 64, 64, 32]);
    // Where next to nothing has come back, nothing is judged: it goes on.
    const few = { completions: 20, heldMs: 20 * 400 };
    expect(last(through(base, { ...quarter(3, 64), ...few })).state.step).toBe(80);
  });

  it('does not freeze growth that bought a quarter', () => {
    const { state, change } = last(through(start, second(1, 16, 1_600), second(2, 32, 2_001)));
    expect(change).toBeUndefined();
    expect(state.phase).toBe('free');
  });

  it('takes leases that have not ended for no evidence, and lets the pool grow a little', () => {
    const steps = through(
      start,
      second(1, 16, 1_600),
      second(2, 20, 0, { heldMs: 0 }),
      second(3, 25, 3, { heldMs: 30_000 }),
    );
    expect(steps.map(({ state }) => state.step)).toEqual([16, 25, 32]);
    expect(last(steps).state.phase).toBe('free');
  });

  it('stays where it is when the work collapsed while the pool grew', () => {
    const { state, change } = last(through(start, second(1, 16, 4_000), second(2, 24, 400)));
    expect(change?.reason).toBe('ceiling-frozen');
    expect(state).toMatchObject({ phase: 'held', ceiling: 24, restore: 16 });
  });

  it('goes back at once when the connections are seen to work and next to nothing comes back', () => {
    const seen = { busyShare: 1 };
    const { state, change } = last(
      through(start, second(1, 10, 1_000, seen), second(1.25, 16, 5, { ...seen, ms: 250 })),
    );
    expect(change?.reason).toBe('ceiling-frozen');
    expect(state).toMatchObject({ phase: 'held', ceiling: 10, holdUntil: 1.25 + 10_000 });
  });

  it('does not hold back callers that think: held, but not working', () => {
    const seen = { busyShare: 0.2 };
    const steps = through(start, second(1, 16, 1_600, { busyShare: 1 }), second(2, 20, 10, seen));
    expect(last(steps)).toMatchObject({
      state: { phase: 'free', step: 40, anchor: undefined },
      change: { reason: 'ceiling-probe', inputs: { waiting: 10, thinking: 1 } },
    });
    // As high as before: nothing to tell.
    expect(last(through(last(steps).state, second(3, 20, 10, seen))).change).toBeUndefined();
  });

  it('learns nothing while the pool is not what limits', () => {
    const air = { waiting: 0, utilization: 0.5 };
    const steps = through(start, second(1, 40, 4_000, air), second(2, 40, 1_000, air));
    expect(last(steps).state).toMatchObject({ phase: 'free', step: 50 });
  });

  it('does not hold growth against a time when the pool had air: what its size can do was not seen then', () => {
    const air = second(1, 10, 1_000, { waiting: 0, utilization: 0.1, leasedMs: 1_000 });
    const steps = through(start, air, second(2, 16, 2_000), second(3, 20, 2_050));
    expect(steps.map(({ change }) => change?.reason)).toEqual([
      undefined,
      undefined,
      'ceiling-frozen',
    ]);
    expect(last(steps).state.ceiling).toBe(16);
  });

  it('does so where less is done than was asked for then', () => {
    const air = second(1, 10, 1_000, {
      waiting: 0,
      utilization: 0.2,
      leasedMs: 2_000,
      heldMs: 2_000,
    });
    const { state, change } = last(through(start, air, second(2, 16, 700)));
    expect(change?.reason).toBe('ceiling-frozen');
    expect(state).toMatchObject({ phase: 'held', ceiling: 16, restore: 10 });
  });

  it('does not let the pool grow while the event loop is saturated, and says so once', () => {
    const busy = { loopSaturated: true };
    const steps = through(
      start,
      second(1, 16, 1_600),
      second(2, 16, 1_600, busy),
      second(3, 16, 1_600, busy),
    );
    expect(steps.map(({ change }) => change?.reason)).toEqual([
      undefined,
      'event-loop-saturated',
      undefined,
    ]);
    expect(last(steps).state.step).toBe(16);
  });

  it('is cut by a fifth when throughput falls at the same size, again while that costs nothing', () => {
    const steps = through(
      start,
      second(1, 100, 5_000),
      second(2, 100, 1_000),
      second(3, 80, 1_500),
      second(4, 64, 3_500),
    );
    expect(steps.map(({ change }) => change?.reason)).toEqual([
      undefined,
      'ceiling-cut',
      'ceiling-cut',
      'ceiling-cut',
    ]);
    expect(last(through(last(steps).state, second(5, 51, 4_800))).state).toMatchObject({
      phase: 'held',
      ceiling: 51,
    });
  });

  it('gives back what it cut when that cost throughput: then connections were not the trouble', () => {
    const { state, change } = last(
      through(start, second(1, 100, 50_000), second(2, 100, 10_000), second(3, 80, 8_000)),
    );
    expect(change?.reason).toBe('ceiling-probe');
    expect(state).toMatchObject({ phase: 'held', ceiling: 100, best: 10_000 });
  });

  it('waits until connections above a lowered ceiling have come back before it judges', () => {
    const steps = through(
      start,
      second(1, 100, 50_000),
      second(2, 100, 10_000),
      second(3, 95, 100),
    );
    expect(last(steps)).toMatchObject({ state: { phase: 'trial', ceiling: 80 } });
    expect(last(steps).change).toBeUndefined();
  });

  it('probes a fifth fewer and a quarter more in turn, and later each time that was in vain', () => {
    let state = last(through(start, second(0, 16, 7_500), second(1, 32, 6_500))).state;
    const probes: { at: number; to: number }[] = [];
    for (let now = 1_000; now < 200_000; now += 1_000) {
      // Sixteen do the most.
      const size = Math.min(state.ceiling, 20);
      const rate = size > 16 ? 7_400 : (7_500 * size) / 16;
      const step = nextCeiling(state, second(now, size, rate), tuning);
      const { change } = step;
      if (change?.reason === 'ceiling-probe' && size === 16) {
        probes.push({ at: now, to: step.state.ceiling });
      }
      state = step.state;
    }
    expect(probes.slice(0, 4).map(({ to }) => to)).toEqual([12, 20, 12, 20]);
    const pauses = probes.slice(1).map(({ at }, i) => at - (probes[i]?.at ?? 0));
    // The first soon: it has likely grown too far.
    expect(probes[0]?.at).toBe(2_000);
    expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
    expect(pauses.at(-1)).toBeGreaterThan(50_000);
  });

  it.each([2, 3])('is held %d times as long (holdGrowth) after a hold in vain', (holdGrowth) => {
    const grown = last(through(start, second(1, 16, 1_600), second(2, 16, 1_600))).state;
    const { state } = nextCeiling({ ...grown, ceiling: 32 }, second(3, 32, 1_600), {
      ...tuning,
      holdGrowth,
    });
    expect(state).toMatchObject({ holdUntil: 3 + 5_000, holdMs: 5_000 * holdGrowth });
  });

  it('does not judge a probe by a window in which connections were opened, nor leave out two in a row', () => {
    // Held at 16, and 20 are tried; opening four takes the server's time.
    const held = last(through(start, second(0, 16, 7_500), second(1, 32, 6_500))).state;
    const probing = last(through({ ...held, probeDown: false }, second(20_000, 16, 7_500)));
    expect(probing).toMatchObject({ change: { reason: 'ceiling-probe' }, state: { ceiling: 20 } });
    const opening = { opened: 4, busyShare: 1 };
    const one = through(
      probing.state,
      second(20_250, 20, 4_000, opening),
      second(20_500, 20, 9_000),
    );
    expect(one.map(({ change }) => change?.reason)).toEqual([undefined, undefined]);
    const two = through(
      probing.state,
      second(20_250, 20, 4_000, opening),
      second(20_500, 20, 4_000, opening),
    );
    expect(last(two).change).toMatchObject({ reason: 'ceiling-frozen' });
  });

  it('goes on down, soon, while fewer do as much', () => {
    let state = last(through(start, second(0, 40, 7_500), second(1, 80, 7_400))).state;
    const sizes: number[] = [];
    for (let now = 1_000; now < 30_000; now += 1_000) {
      const size = Math.min(state.ceiling, 80);
      state = nextCeiling(state, second(now, size, size < 16 ? 400 * size : 7_500), tuning).state;
      sizes.push(size);
    }
    expect(sizes[sizes.length - 1]).toBe(16);
    expect(sizes.indexOf(16)).toBeLessThan(20);
  });

  it('does not take an outage for a size that does less', () => {
    const { state, change } = last(
      through(
        start,
        second(1, 12, 900),
        // Three seconds without a connection, then all at once, for 50 ms.
        second(4, 12, 45, { ms: 3_000, leasedMs: 600, heldMs: 600, utilization: 0.02 }),
      ),
    );
    expect(change).toBeUndefined();
    expect(state.phase).toBe('free');
  });

  it('does not take the scatter of a slow database for lost throughput', () => {
    // 300 a second in windows of a quarter of a second: 75 completions, which scatter by a tenth and more.
    const random = seeded(5);
    let state = last(through(start, second(0, 12, 300))).state;
    const cuts: number[] = [];
    for (let i = 1; i < 20; i++) {
      const scatter = 0.75 + 0.5 * random();
      const window = second(i * 0.25, 12, 75 * scatter, {
        ms: 250,
        leasedMs: 3_000,
        heldMs: 3_000,
      });
      const step = nextCeiling(state, window, tuning);
      if (step.change?.reason === 'ceiling-cut') cuts.push(i);
      state = step.state;
    }
    expect(cuts, 'seed 5').toEqual([]);
  });

  it('is back at the size from before when what set it is over', () => {
    const held = last(through(start, second(0, 30, 4_000), second(1, 38, 600))).state;
    const { state } = last(through(held, second(2, 38, 5_000)));
    expect(state).toMatchObject({ phase: 'held', ceiling: 38, holdUntil: 2 + 20_000 });
  });

  it('says that what set it is over where that raises it', () => {
    // Throughput fell at a hundred, then at eighty, and fewer did as much as before: held at eighty.
    const steps = through(
      start,
      second(1, 100, 5_000),
      second(2, 100, 1_000),
      second(3, 80, 4_500),
      second(4, 80, 20_000),
    );
    expect(last(steps)).toMatchObject({
      state: { phase: 'held', ceiling: 100 },
      change: {
        reason: 'ceiling-probe',
        inputs: { leased: 80, ratePerSecond: 20_000, ratePerSecondBefore: 4_500 },
      },
    });
  });

  it('is free again after probes that paid in full, each further than the one before', () => {
    let state = last(through(start, second(0, 16, 1_600), second(1, 32, 1_600))).state;
    const told: [string, number][] = [];
    for (
      let now = 20_000;
      now < 100_000 && state.ceiling < Number.POSITIVE_INFINITY;
      now += 1_000
    ) {
      // By now, throughput is in proportion.
      const size = Math.min(state.ceiling, state.step);
      const step = nextCeiling(
        { ...state, probeDown: false },
        second(now, size, 100 * size),
        tuning,
      );
      if (step.change !== undefined) told.push([step.change.reason, step.state.ceiling]);
      state = step.state;
    }
    expect(told).toEqual([
      ['ceiling-probe', 20],
      ['ceiling-probe', 30],
      ['ceiling-probe', 60],
      ['ceiling-probe', Number.POSITIVE_INFINITY],
    ]);
  });

  it.each([
    // By the root of a small size, for a quarter of it would be one or two.
    [4, 6],
    [9, 12],
    [10, 14],
    [16, 20],
    // By a quarter of a larger one: a gain from less could not be told from noise.
    [100, 125],
    // Never beyond the maximum.
    [490, 500],
  ])('held at %i, is probed at %i', (size, to) => {
    const held = {
      ...last(through(start, second(0, size, 1_000))).state,
      phase: 'held' as const,
      ceiling: size,
      holdUntil: 1_000,
    };
    const { state, change } = last(through(held, second(2_000, size, 1_000, { min: 1 })));
    expect(change).toEqual({ reason: 'ceiling-probe', inputs: { ratePerSecond: 1_000 } });
    expect(state).toMatchObject({ phase: 'free', ceiling: to, step: to });
  });

  it('is forgotten once the pool has air again and the hold is over', () => {
    const held = last(through(start, second(0, 16, 7_500), second(1, 32, 6_500))).state;
    const air = { waiting: 0, utilization: 0.2 };
    expect(last(through(held, second(4_000, 16, 1_000, air))).state.phase).toBe('held');
    expect(last(through(held, second(6_000, 16, 1_000, air))).state).toMatchObject({
      phase: 'free',
      ceiling: Number.POSITIVE_INFINITY,
    });
  });

  it.each([
    ['of a full pool of ten', { size: 10, max: 10 }],
    ['of a pool of ten that may grow', { size: 10, max: 500 }],
    ['of a pool of three that may have ten', { size: 3, max: 10 }],
  ])(
    'leaves the ten connections that harm no server, though the throughput %s falls again and again',
    (_, sizes) => {
      let state = start;
      const noise = seeded(7);
      for (let now = 1_000; now < 120_000; now += 1_000) {
        // A neighbour takes the CPU for seconds at a time.
        const rate = (now / 1_000) % 10 < 5 ? 5_000 : 500 + 500 * noise();
        state = nextCeiling(
          state,
          second(now, sizes.size, rate, { ...sizes, min: 0 }),
          tuning,
        ).state;
        expect(Math.min(state.ceiling, state.step)).toBeGreaterThanOrEqual(10);
      }
    },
  );

  it('never goes below the minimum', () => {
    let state = last(through(start, second(0, 12, 5_000))).state;
    for (let now = 1; now < 20; now++) {
      state = nextCeiling(
        state,
        second(now, Math.max(10, Math.min(12, state.ceiling)), 50),
        tuning,
      ).state;
      expect(Math.min(state.ceiling, state.step)).toBeGreaterThanOrEqual(10);
    }
  });

  it('comes down when throughput falls while the pool creeps up in steps too small to be judged', () => {
    // 2 % more connections each time, and 1 % less work: after 60 steps three times the size and half the work.
    const creep = (correlation: number): CeilingStep[] => {
      let state = start;
      const steps: CeilingStep[] = [];
      for (let i = 0; i < 60; i++) {
        const size = 20 * 1.02 ** i;
        const step = nextCeiling(state, second(i, size, 5_000 * 0.99 ** i), {
          ...tuning,
          trendCorrelation: correlation,
        });
        steps.push(step);
        if (step.change !== undefined) break;
        state = step.state;
      }
      return steps;
    };
    const crept = creep(0.5);
    const { change, state } = last(crept);
    expect(change).toMatchObject({ reason: 'ceiling-cut' });
    expect(change?.inputs['correlation']).toBeLessThan(-0.9);
    expect(crept.length).toBeLessThan(30);
    expect(state.ceiling).toBeLessThan(0.8 * 20 * 1.02 ** 30);
    // Without the covariance nothing is noticed: each step is the measure of the next, and the best of before decays.
    expect(creep(1).every((step) => step.change === undefined)).toBe(true);
  });

  it.each(['held', 'trial'] as const)('comes down by that trend in a %s as well', (phase) => {
    const trend = {
      count: 50,
      leased: 100,
      rate: 5_000,
      leasedVariance: 400,
      rateVariance: 1_000_000,
      covariance: -18_000,
    };
    const state = { ...last(through(start, second(0, 100, 5_000))).state, phase, ceiling: 100 };
    const before = { ...(state.anchor as Evidence), leased: 125, size: 125 };
    const held = { ...state, holdUntil: 9_000, before };
    const next = second(1, 100, 5_000);
    expect(last(through({ ...held, trend }, next)).change?.reason).toBe('ceiling-cut');
    expect(last(through(held, next)).change).toBeUndefined();
  });
});
