import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { systemClock } from './clock.ts';

const coarseNow = systemClock.coarseNow as () => number;

test('the coarse time stands still in a storm of readings, and goes on within it', async () => {
  await setImmediate();
  const seen = new Set<number>();
  const begun = performance.now();
  let readings = 0;
  while (performance.now() - begun < 5) {
    for (let i = 0; i < 100; i++) seen.add(coarseNow());
    readings += 100;
  }
  expect(seen.size).toBeLessThan(readings / 8);
  expect(Math.max(...seen) - Math.min(...seen)).toBeGreaterThan(2);
});

test('the coarse time is exact again once the event loop has turned', async () => {
  for (let i = 0; i < 3; i++) coarseNow();
  await setImmediate();
  await setImmediate();
  const before = performance.now();
  expect(coarseNow()).toBeGreaterThanOrEqual(before);
});

test('neither time is ever behind what either has said before', async () => {
  let last = 0;
  for (let i = 0; i < 20_000; i++) {
    const now = i % 7 === 0 ? systemClock.now() : coarseNow();
    expect(now >= last).toBe(true);
    last = now;
    if (i % 1_000 === 0) await setImmediate();
  }
});

test('a timer of the pool keeps nothing of the request that happened to set it', async () => {
  const requests = new AsyncLocalStorage<string>();
  const seen = await new Promise((resolve) => {
    requests.run('first', () => systemClock.setTimeout(() => resolve(requests.getStore()), 1));
    // The clock's timers alone keep no process alive.
    setTimeout(() => resolve('never fired'), 5_000).unref();
    setTimeout(() => {}, 20);
  });
  expect(seen).toBeUndefined();
});
