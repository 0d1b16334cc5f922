import { describe, expect, it } from 'vitest';
import { expiry, needsSubstitute, retirementGapMs } from './_retirement_policy.ts';

describe('expiry()', () => {
  it.each([
    [0, 3_600_100],
    [0.5, 3_420_100],
    [1, 3_240_100],
  ])('with a random number of %d is at %d', (random, wanted) => {
    expect(expiry(100, 3_600_000, 0.1, random)).toBeCloseTo(wanted, 3);
  });
});

describe('retirementGapMs()', () => {
  it.each([
    [500, 0.01, 200],
    [100, 0.01, 1_000],
    [3, 0.01, 1_000],
    [1, 0.05, 1_000],
    [2, Number.POSITIVE_INFINITY, 0],
  ])('of %i connections at %d a second is %d ms', (size, perSecond, wanted) => {
    expect(retirementGapMs(size, perSecond)).toBe(wanted);
  });
});

it.each([
  ['at the minimum', { size: 10, min: 10, leased: 0, idle: 10 }, true],
  ['when most are in use', { size: 20, min: 10, leased: 11, idle: 9 }, true],
  ['not when one can be spared', { size: 20, min: 10, leased: 5, idle: 15 }, false],
])('needsSubstitute() %s', (_, pool, wanted) => {
  expect(needsSubstitute(pool)).toBe(wanted);
});
