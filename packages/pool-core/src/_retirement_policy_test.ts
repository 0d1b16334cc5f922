import { describe, expect, it } from 'vitest';
import {
  expiry,
  needsSubstitute,
  nextRetirementIn,
  type RetirementBudget,
  takeRetirement,
} from './_retirement_policy.ts';

describe('expiry()', () => {
  it.each([
    [0, 3_600_100],
    [0.5, 3_420_100],
    [1, 3_240_100],
  ])('with a random number of %d is at %d', (random, wanted) => {
    expect(expiry(100, 3_600_000, 0.1, random)).toBeCloseTo(wanted, 3);
  });
});

describe('takeRetirement()', () => {
  function granted(size: number, perSecond: number, everyMs: number, forMs: number): number {
    let budget: RetirementBudget | undefined;
    let count = 0;
    for (let now = 0; now < forMs; now += everyMs) {
      const taken = takeRetirement(budget, size, now, perSecond);
      budget = taken.budget;
      if (taken.granted) count++;
    }
    return count;
  }

  it.each([
    [500, 0.05, 250],
    [100, 0.05, 50],
    [3, 0.05, 10],
    [1, 0.05, 10],
  ])('lets go of %i connections at %d a second: %i in ten', (size, perSecond, wanted) => {
    // One second's worth stands ready at the beginning.
    const first = Math.max(1, size * perSecond);
    expect(granted(size, perSecond, 1, 10_000)).toBeGreaterThanOrEqual(wanted);
    expect(granted(size, perSecond, 1, 10_000)).toBeLessThanOrEqual(wanted + first);
  });

  it('does not save up a quiet hour', () => {
    const { budget } = takeRetirement(undefined, 100, 0, 0.05);
    let current = budget;
    let count = 0;
    for (let i = 0; i < 50; i++) {
      const taken = takeRetirement(current, 100, 3_600_000, 0.05);
      current = taken.budget;
      if (taken.granted) count++;
    }
    expect(count).toBe(5);
  });

  it('has no bound when none is wanted', () => {
    expect(granted(2, Number.POSITIVE_INFINITY, 1, 100)).toBe(100);
  });

  it('says when the next may go', () => {
    const { budget } = takeRetirement({ tokens: 1, at: 0 }, 100, 0, 0.05);
    expect(nextRetirementIn(budget, 100, 0.05)).toBe(200);
    expect(nextRetirementIn({ tokens: 2, at: 0 }, 100, 0.05)).toBe(0);
  });
});

it.each([
  ['at the minimum', { size: 10, min: 10, leased: 0, idle: 10 }, true],
  ['when most are in use', { size: 20, min: 10, leased: 11, idle: 9 }, true],
  ['not when one can be spared', { size: 20, min: 10, leased: 5, idle: 15 }, false],
])('needsSubstitute() %s', (_, pool, wanted) => {
  expect(needsSubstitute(pool)).toBe(wanted);
});
