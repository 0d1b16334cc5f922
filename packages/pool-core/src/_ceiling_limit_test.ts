import { describe, expect, it } from 'vitest';
import { last, second, start, through, tuning } from './_ceiling_fixture.ts';
import { nextCeiling } from './_ceiling_limit.ts';
import type { CeilingStep } from './_ceiling_state.ts';
import type { Evidence } from './_evidence.ts';
import { seeded } from './_simulation_fixture.ts';

describe('the ceiling', () => {
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
