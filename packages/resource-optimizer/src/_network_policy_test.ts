import { expect, test } from 'vitest';
import type { ReuseDecision, ReuseInput } from './_network_policy.ts';
import { decideReuse, reuseRatio } from './_network_policy.ts';

const HEALTHY: ReuseInput = {
  acquires: 1000,
  created: 10,
  destroyed: {},
  peakSize: 20,
  peakInUse: 20,
  min: 2,
  originalMin: 2,
  max: 100,
};
const CHURN = { created: 100, destroyed: { 'idle-timeout': 95 } } as const;

test.each<[string, Partial<ReuseInput>, ReuseDecision['kind'], number | RegExp]>([
  ['reuse over target', {}, 'keep', /99\.0 % of 1000/],
  ['too few acquires to judge', { ...CHURN, acquires: 99 }, 'keep', /too few/],
  ['no acquires', { acquires: 0, created: 0 }, 'keep', /too few/],
  ['idle connections closed and opened again', CHURN, 'raise-min', 11],
  ['the next step goes on towards the peak', { ...CHURN, min: 11 }, 'raise-min', 16],
  ['never over the maximum', { ...CHURN, max: 6 }, 'raise-min', 4],
  ['the minimum is at the peak already', { ...CHURN, min: 20 }, 'keep', /minimum is at the 20/],
  ['growth only', { created: 100 }, 'keep', /was growing/],
  [
    'deaths of age are the owner’s to change',
    { created: 100, destroyed: { lifetime: 90, 'idle-timeout': 5 } },
    'advise',
    /age/,
  ],
  [
    'deaths of errors too',
    { created: 100, destroyed: { 'connection-error': 90 } },
    'advise',
    /after errors/,
  ],
  [
    'a raised minimum no longer reached goes back by a quarter',
    { min: 22, peakInUse: 2 },
    'lower-min',
    17,
  ],
  ['not under what is used', { min: 22, peakInUse: 21 }, 'lower-min', 21],
  ['a raised minimum that is used stays', { min: 22, peakInUse: 22 }, 'keep', /nothing to do/],
  [
    'a minimum of the owner’s own stays',
    { min: 22, originalMin: 22, peakInUse: 1 },
    'keep',
    /nothing to do/,
  ],
])('decideReuse(): %s', (_, change, kind, expected) => {
  const decision = decideReuse({ ...HEALTHY, ...change }, 0.95);
  expect(decision.kind).toBe(kind);
  if (typeof expected === 'number') expect('min' in decision && decision.min).toBe(expected);
  else expect(decision.reason).toMatch(expected);
});

test('raising the minimum step by step ends at the peak, and giving it back at the original', () => {
  let min = 2;
  for (let i = 0; i < 20; i++) {
    const decision = decideReuse({ ...HEALTHY, ...CHURN, min }, 0.95);
    if (decision.kind === 'raise-min') min = decision.min;
  }
  expect(min).toBe(20);
  for (let i = 0; i < 40; i++) {
    const decision = decideReuse({ ...HEALTHY, min, peakInUse: 1 }, 0.95);
    if (decision.kind === 'lower-min') min = decision.min;
  }
  expect(min).toBe(2);
});

test('reuseRatio() has no value without acquires and is never under 0', () => {
  expect(reuseRatio({ acquires: 0, created: 5 })).toBeUndefined();
  expect(reuseRatio({ acquires: 2, created: 10 })).toBe(0);
  expect(reuseRatio({ acquires: 1000, created: 10 })).toBe(0.99);
});
