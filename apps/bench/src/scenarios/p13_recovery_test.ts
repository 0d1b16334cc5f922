import { expect, test } from 'vitest';
import { type Moment, recoveryOf, together } from './p13_recovery.ts';

/** 2 s before, a fault of 1 s, then what `after` says for 12 s: answers a tenth of a second. */
const timeline = (after: (i: number) => number, size = (_: number) => 6): Moment[] =>
  Array.from({ length: 150 }, (_, i) => ({
    at: i * 100,
    answered: i < 20 ? 100 : i < 30 ? 5 : after(i - 30),
    failed: i < 20 ? 0 : 1,
    size: size(i),
  }));

test('recoveryOf() ends with the last second that fell short of 90 %', () => {
  const recovery = recoveryOf(
    timeline((i) => (i < 35 ? 50 : 100)),
    1000,
    2000,
    3000,
  );
  expect(recovery.before).toBe(1000);
  expect(recovery.recoveryMs).toBe(4000);
  expect(recovery.throughputRatio).toBeCloseTo(0.825, 6);
  expect(recovery.failed).toBe(130);
});

test('recoveryOf() counts a relapse, and is 0 where nothing fell short', () => {
  const relapse = recoveryOf(
    timeline((i) => (i >= 70 && i < 80 ? 10 : 120)),
    1000,
    2000,
    3000,
  );
  expect(relapse.recoveryMs).toBe(8000);
  expect(
    recoveryOf(
      timeline(() => 95),
      1000,
      2000,
      3000,
    ).recoveryMs,
  ).toBe(0);
});

test('recoveryOf() asks for what was due, not for what a late start brought before', () => {
  const ahead = timeline(() => 100).map((m) => (m.at < 2000 ? { ...m, answered: 115 } : m));
  const recovery = recoveryOf(ahead, 1000, 2000, 3000);
  expect(recovery.before).toBe(1150);
  expect(recovery.recoveryMs).toBe(0);
  expect(recovery.throughputRatio).toBe(1);
});

test('recoveryOf() takes the sizes before, at their peak since, and at the end', () => {
  const { sizeBefore, sizePeak, sizeAfter } = recoveryOf(
    timeline(
      () => 100,
      (i) => (i < 20 ? 6 : i < 50 ? 40 : 9),
    ),
    1000,
    2000,
    3000,
  );
  expect([sizeBefore, sizePeak, sizeAfter]).toEqual([6, 40, 9]);
});

test('together() adds moments of the same time', () => {
  const a = [{ at: 0, answered: 1, failed: 0, size: 2 }];
  const b = [
    { at: 100, answered: 5, failed: 1, size: 3 },
    { at: 0, answered: 2, failed: 1, size: 3 },
  ];
  expect(together([a, b])).toEqual([
    { at: 0, answered: 3, failed: 1, size: 5 },
    { at: 100, answered: 5, failed: 1, size: 3 },
  ]);
});
