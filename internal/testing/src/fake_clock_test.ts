import { expect, test } from 'vitest';
import { FakeClock } from './fake_clock.ts';

test('a FakeClock stands still until it is advanced', async () => {
  const clock = new FakeClock(1_000);
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect([clock.now(), clock.wallNow()]).toEqual([0, 1_000]);
  await clock.advance(250);
  expect([clock.now(), clock.wallNow()]).toEqual([250, 1_250]);
});

test('advance() fires timers in the order of their time, and ties in the order they were set', async () => {
  const clock = new FakeClock();
  const fired: [string, number][] = [];
  const note = (name: string) => () => void fired.push([name, clock.now()]);
  clock.setTimeout(note('late'), 30);
  clock.setTimeout(note('tie 1'), 20);
  clock.setTimeout(note('early'), 10);
  clock.setTimeout(note('tie 2'), 20);
  await clock.advance(30);
  expect(fired).toEqual([
    ['early', 10],
    ['tie 1', 20],
    ['tie 2', 20],
    ['late', 30],
  ]);
  expect(clock.pendingTimers()).toBe(0);
});

test('leap() fires what fell due afterwards: late, in order, and what that sets not before its time', async () => {
  const clock = new FakeClock();
  const fired: [string, number][] = [];
  const note = (name: string) => () => void fired.push([name, clock.now()]);
  clock.setTimeout(note('second'), 20);
  clock.setTimeout(() => {
    note('first')();
    clock.setTimeout(note('set by it'), 5);
  }, 10);
  clock.setTimeout(note('not yet'), 5_000);
  await clock.leap(1_000);
  expect(fired).toEqual([
    ['first', 1_000],
    ['second', 1_000],
  ]);
  await clock.advance(5);
  expect(fired.at(-1)).toEqual(['set by it', 1_005]);
  expect(clock.pendingTimers()).toBe(1);
  await expect(clock.leap(-1)).rejects.toThrow(RangeError);
});

test('advance() fires what a timer sets, at its own time, within the same advance', async () => {
  const clock = new FakeClock();
  const ticks: number[] = [];
  const tick = (): void => {
    ticks.push(clock.now());
    clock.setTimeout(tick, 10);
  };
  clock.setTimeout(tick, 10);
  await clock.advance(35);
  expect(ticks).toEqual([10, 20, 30]);
  expect(clock.pendingTimers()).toBe(1);
});

test('advance() lets long promise chains settle before the next timer', async () => {
  const clock = new FakeClock();
  const seen: string[] = [];
  const chain = async (): Promise<void> => {
    for (let hop = 0; hop < 500; hop++) await undefined;
    seen.push('chain');
  };
  clock.setTimeout(() => void chain(), 10);
  clock.setTimeout(() => void seen.push('timer'), 11);
  await clock.advance(20);
  expect(seen).toEqual(['chain', 'timer']);
});

test('advance() sees timers that are set by promises already on their way', async () => {
  const clock = new FakeClock();
  let fired = false;
  void Promise.resolve()
    .then(() => undefined)
    .then(() => clock.setTimeout(() => (fired = true), 5));
  await clock.advance(5);
  expect(fired).toBe(true);
});

test('a cancelled timer does not fire, and cancelling twice or afterwards is harmless', async () => {
  const clock = new FakeClock();
  let fired = 0;
  const cancelled = clock.setTimeout(() => fired++, 10);
  const kept = clock.setTimeout(() => fired++, 10);
  cancelled.cancel();
  cancelled.cancel();
  expect(clock.pendingTimers()).toBe(1);
  await clock.advance(10);
  kept.cancel();
  expect(fired).toBe(1);
});

test('a timer of the same instant can still be cancelled by the one before it', async () => {
  const clock = new FakeClock();
  let fired = false;
  clock.setTimeout(() => second.cancel(), 10);
  const second = clock.setTimeout(() => (fired = true), 10);
  await clock.advance(10);
  expect(fired).toBe(false);
});

test.each([0, -5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])(
  'a delay of %s is 1 ms, as in Node',
  async (ms) => {
    const clock = new FakeClock();
    let fired = false;
    clock.setTimeout(() => (fired = true), ms);
    await clock.advance(0);
    expect(fired).toBe(false);
    await clock.advance(1);
    expect(fired).toBe(true);
  },
);

test('advance() rejects with what a timer throws, and the clock goes on afterwards', async () => {
  const clock = new FakeClock();
  clock.setTimeout(() => {
    throw new Error('bad timer');
  }, 10);
  let fired = false;
  clock.setTimeout(() => (fired = true), 20);
  await expect(clock.advance(100)).rejects.toThrow('bad timer');
  expect(clock.now()).toBe(10);
  await clock.advance(10);
  expect(fired).toBe(true);
});

test('advances that overlap follow each other', async () => {
  const clock = new FakeClock();
  await Promise.all([clock.advance(10), clock.advance(20)]);
  expect(clock.now()).toBe(30);
});

test('advance() refuses what is not an amount of time', async () => {
  const clock = new FakeClock();
  await expect(clock.advance(-1)).rejects.toThrow(RangeError);
  await expect(clock.advance(Number.POSITIVE_INFINITY)).rejects.toThrow(RangeError);
});

test('jumpWall() moves the wall clock alone', async () => {
  const clock = new FakeClock(0);
  let fired = false;
  clock.setTimeout(() => (fired = true), 10);
  clock.jumpWall(-3_600_000);
  await clock.advance(5);
  expect([clock.now(), clock.wallNow(), fired]).toEqual([5, -3_599_995, false]);
});
