import { expect, test } from 'vitest';
import { earlyRefreshMs, jitteredTtlMs, lifetimeOf } from './_ttl_policy.ts';

test.each([
  [60_000, 0.1, 0, 60_000],
  [60_000, 0.1, 0.5, 57_000],
  [60_000, 1, 0.999, 60],
  [60_000, 0, 0.9, 60_000],
  [1, 1, 0.999, 1],
])('a TTL of %d ms with jitter %d and random %d becomes %d ms', (ttlMs, jitter, random, wanted) => {
  expect(jitteredTtlMs(ttlMs, jitter, random)).toBe(wanted);
});

test.each([
  ['a value', { a: 1 }, { ttlMs: 1000, graceMs: 500 }],
  ['false', false, { ttlMs: 1000, graceMs: 500 }],
  ['0', 0, { ttlMs: 1000, graceMs: 500 }],
  ['null', null, { ttlMs: 100, graceMs: 0 }],
  ['undefined', undefined, { ttlMs: 100, graceMs: 0 }],
])('%s lives as it should', (_name, value, wanted) => {
  expect(lifetimeOf(value, { ttlMs: 1000, graceMs: 500 }, 100)).toEqual(wanted);
});

test('the negative TTL never lengthens a life', () => {
  expect(lifetimeOf(null, { ttlMs: 50, graceMs: 0 }, 100).ttlMs).toBe(50);
});

test.each([
  [100, 1, 0, 0],
  [100, 1, 1 - Math.exp(-1), 100],
  [100, 2, 1 - Math.exp(-1), 200],
  [100, 0, 0.9, 0],
  [0, 1, 0.9, 0],
])(
  'a load of %d ms at beta %d and random %d is refreshed %d ms early',
  (loadMs, beta, random, wanted) => {
    expect(earlyRefreshMs(loadMs, beta, random)).toBeCloseTo(wanted, 6);
  },
);
