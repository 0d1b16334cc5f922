import { expect, test } from 'vitest';
import { judgeLease, type LeaseFacts, type LeaseVerdict } from './_verdict_policy.ts';

const YOUNG: LeaseFacts = {
  heldMs: 10,
  thresholdMs: 100,
  collected: false,
  provable: true,
  survivedProbes: 0,
  suspectMs: 0,
  patienceMs: 5_000,
};
const OLD = { ...YOUNG, heldMs: 100 };

test.each<[string, LeaseFacts, LeaseVerdict]>([
  ['young', YOUNG, 'in-use'],
  ['young and collected: proof needs no age', { ...YOUNG, collected: true }, 'leaked'],
  ['old, not looked into yet', OLD, 'suspect'],
  [
    'ten thresholds old, not looked into yet: age makes no leak',
    { ...OLD, heldMs: 1_000 },
    'suspect',
  ],
  ['old, survived a probe', { ...OLD, survivedProbes: 1 }, 'held'],
  [
    'old, survived a probe, collected later',
    { ...OLD, survivedProbes: 1, collected: true },
    'leaked',
  ],
  ['old, nothing can be proven', { ...OLD, provable: false }, 'held'],
  ['a suspect that no probe looks into', { ...OLD, suspectMs: 4_999 }, 'suspect'],
  ['a suspect that no probe looked into for long', { ...OLD, suspectMs: 5_000 }, 'held'],
])('%s', (_name, facts, verdict) => {
  expect(judgeLease(facts)).toBe(verdict);
});
