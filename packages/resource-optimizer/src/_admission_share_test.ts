import { expect, test } from 'vitest';
import { AdmissionShare } from './_admission_share.ts';

test.each([
  [1, 300],
  [0.5, 150],
  [1 / 3, 100],
  [0, 0],
])('at a share of %d, %i of 300 have their turn, evenly', (share, expected) => {
  const turns = new AdmissionShare();
  const seen = Array.from({ length: 300 }, () => turns.turn(share));
  expect(Math.abs(seen.filter(Boolean).length - expected)).toBeLessThanOrEqual(1);
  const half = seen.slice(0, 150).filter(Boolean).length;
  expect(Math.abs(half - expected / 2)).toBeLessThanOrEqual(1);
});

test('learned() is the share of the last half to one second', () => {
  const share = new AdmissionShare();
  share.reset(0);
  expect(share.learned()).toBe(0);
  for (let now = 0; now < 1000; now += 10) share.count(now % 40 === 0, now);
  expect(share.learned()).toBeCloseTo(0.25, 1);
  for (let now = 1000; now < 2500; now += 10) share.count(true, now);
  expect(share.learned()).toBe(1);
  share.reset(2500);
  expect(share.learned()).toBe(0);
});
