import { describe, expect, it } from 'vitest';
import { last, second, start, through } from './_ceiling_fixture.ts';
import type { CeilingStep, CeilingWindow } from './_ceiling_state.ts';

describe('growth below the ceiling', () => {
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
});
