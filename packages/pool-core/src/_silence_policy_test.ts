import { expect, test } from 'vitest';
import {
  againMs,
  deadBackends,
  forgetting,
  isSuspect,
  listen,
  patienceMs,
} from './_silence_policy.ts';

const statement = {};

test('listen() lets a silence go on only for the same statement without a byte', () => {
  const first = listen(undefined, 100, statement, 0);
  expect(first).toEqual({ bytes: 100, statement, since: 0 });
  expect(listen(first, 100, statement, 500)).toBe(first);
  expect(listen(first, 101, statement, 500).since).toBe(500);
  expect(listen(first, 100, {}, 700).since).toBe(700);
});

test.each([
  [0, false],
  [1499, false],
  [1500, true],
  [9000, true],
])('isSuspect() after %d ms of 1500 is %s', (now, suspect) => {
  expect(isSuspect({ bytes: 0, statement, since: 0 }, now, 1500)).toBe(suspect);
});

test.each([
  ['gone', [], [7]],
  ['idle', [{ pid: 7, state: 'idle' }], [7]],
  ['idle in transaction', [{ pid: 7, state: 'idle in transaction' }], [7]],
  ['idle in a failed transaction', [{ pid: 7, state: 'idle in transaction (aborted)' }], [7]],
  ['active: a slow statement', [{ pid: 7, state: 'active' }], []],
  ['in a function call', [{ pid: 7, state: 'fastpath function call' }], []],
  ['hidden from this user', [{ pid: 7, state: null }], []],
])('deadBackends() of a backend that is %s', (_, activities, dead) => {
  expect([...deadBackends([7], activities)]).toEqual(dead);
});

test.each([
  ['where nothing was slow of late', 0, 1_500],
  ['a little slow', 500, 1_500],
  ['where packets had to be sent again', 700, 2_100],
  ['never beyond three times', 9_000, 4_500],
])('patienceMs() of 1500: %s', (_, longestMs, expected) => {
  expect(patienceMs(1_500, longestMs)).toBe(expected);
});

test('forgetting() halves the longest silence in about 17 s of looks', () => {
  let longestMs = 1_000;
  for (let look = 0; look < 17 * 10; look++) longestMs = forgetting(longestMs);
  expect(longestMs).toBeGreaterThan(480);
  expect(longestMs).toBeLessThan(520);
});

test.each([
  ['at once', 1, 50],
  ['within a region', 120, 120],
  ['over a network that is lost in delays', 4_000, 500],
])('againMs() after a connect that took its time %s', (_, connectMs, expected) => {
  expect(againMs(connectMs)).toBe(expected);
});
