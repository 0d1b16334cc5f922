import { expect, test } from 'vitest';
import { soakPlan } from './_soak_plan_fixture.ts';

test('soakPlan() makes the same faults of the same seed, others of another', () => {
  expect(soakPlan(42, 60_000)).toEqual(soakPlan(42, 60_000));
  expect(soakPlan(42, 60_000)).not.toEqual(soakPlan(43, 60_000));
});

test('soakPlan() of a longer run begins as that of a shorter one: a failing run can be replayed in part', () => {
  const short = soakPlan(7, 10_000);
  expect(soakPlan(7, 60_000).slice(0, short.length)).toEqual(short);
});

test.each([1, 2, 3, 4, 5])(
  'soakPlan() has what matters in 10 s, and all kinds in an hour (seed %d)',
  (seed) => {
    const kinds = (totalMs: number): Set<string> =>
      new Set(soakPlan(seed, totalMs).map(({ fault }) => fault.kind));
    for (const kind of ['crash', 'terminate', 'reset', 'blackhole-to-client']) {
      expect(kinds(10_000)).toContain(kind);
    }
    expect(kinds(3_600_000).size).toBe(14);
  },
);
