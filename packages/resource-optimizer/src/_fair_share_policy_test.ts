import { expect, test } from 'vitest';
import { fairLevel, type TenantDemand, tenantShare } from './_fair_share_policy.ts';

test.each<[string, number[], number, number]>([
  ['enough for all', [1, 2, 3], 6, Number.POSITIVE_INFINITY],
  ['nobody', [], 6, Number.POSITIVE_INFINITY],
  ['equal ones share equally', [10, 10, 10], 6, 2],
  ['a noisy one gets what the small ones leave', [100, 1, 2], 13, 10],
  ['two noisy ones share what the small one leaves', [100, 90, 2], 12, 5],
  ['nothing to share', [5, 1], 0, 0],
])('fairLevel(): %s', (_, asked, capacity, expected) => {
  const level = fairLevel(asked, capacity);
  expect(level).toBe(expected);
  const given = asked.reduce((sum, amount) => sum + Math.min(amount, level), 0);
  if (level !== Number.POSITIVE_INFINITY) expect(given).toBeCloseTo(capacity);
});

test.each<[string, TenantDemand, number | 'common']>([
  ['under the level nothing is taken', { asked: 3, meanAsked: 20, level: 4 }, 1],
  ['at the level neither', { asked: 4, meanAsked: 20, level: 4 }, 1],
  ['above it, down to it', { asked: 40, meanAsked: 20, level: 4 }, 0.1],
  [
    'with no level yet, one of mean size is as everybody',
    { asked: 5, meanAsked: 5, level: Infinity },
    'common',
  ],
  ['so is a noisy one', { asked: 50, meanAsked: 5, level: Infinity }, 'common'],
  ['a quiet one is spared', { asked: 2, meanAsked: 5, level: Infinity }, 1],
])('tenantShare(): %s', (_, demand, expected) => {
  expect(tenantShare(demand)).toBe(expected);
});
