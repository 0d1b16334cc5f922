import { seededRandom } from '@fynlo/orchestrator/measurement';
import { expect, test } from 'vitest';
import { closedLoop } from './closed_loop.ts';
import { UNTIMED } from './load.ts';
import { openLoop } from './open_loop.ts';

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('closedLoop() keeps exactly its callers in flight and leaves the warm-up out', async () => {
  let inFlight = 0;
  let peak = 0;
  let total = 0;
  const result = await closedLoop({
    callers: 4,
    warmupMs: 100,
    durationMs: 200,
    operation: async () => {
      total++;
      peak = Math.max(peak, ++inFlight);
      await sleep(5);
      inFlight--;
    },
  });
  expect(peak).toBe(4);
  expect(result.completed).toBeGreaterThan(0);
  expect(result.completed).toBeLessThan(total);
  expect(result.failed).toBe(0);
});

test('closedLoop() counts failures apart and keeps the first', async () => {
  const result = await closedLoop({
    callers: 1,
    warmupMs: 0,
    durationMs: 50,
    operation: (i) => (i % 2 ? Promise.reject(new Error(`odd ${i}`)) : sleep(1)),
  });
  expect(result.failed).toBeGreaterThan(0);
  expect(String(result.firstError)).toContain('odd 1');
});

test('a loop counts an operation that is untimed as completed, and its time as none', async () => {
  const random = seededRandom(1);
  const operation = async (i: number): Promise<unknown> => {
    if (i % 2 === 0) return sleep(1);
    await sleep(30);
    return UNTIMED;
  };
  const load = { warmupMs: 0, durationMs: 300, operation };
  for (const result of [
    await closedLoop({ ...load, callers: 2 }),
    await openLoop({ ...load, ratePerSecond: 100, random }),
  ]) {
    const timed = result.response.count;
    expect(timed).toBeGreaterThan(0);
    expect(Math.abs(result.completed - 2 * timed)).toBeLessThanOrEqual(2);
  }
});

test('openLoop() charges a stall to every operation it delayed, not only to the one that stalled', async () => {
  let stalledUntil = 0;
  const result = await openLoop({
    ratePerSecond: 200,
    random: seededRandom(1),
    warmupMs: 0,
    durationMs: 600,
    operation: async (i) => {
      if (i === 20) stalledUntil = performance.now() + 200;
      await sleep(Math.max(0, stalledUntil - performance.now()));
    },
  });
  // About 40 of the 120 arrive during the 200 ms stall and wait for its end.
  expect(result.response.percentile(90)).toBeGreaterThan(50);
  expect(result.completed).toBeGreaterThan(60);
});

test('openLoop() counts no more operations a second than were answered, however many come in', async () => {
  let free = performance.now();
  const result = await openLoop({
    ratePerSecond: 400,
    random: seededRandom(1),
    warmupMs: 0,
    durationMs: 300,
    // One at a time, 100 a second.
    operation: () => {
      free = Math.max(free, performance.now()) + 10;
      return sleep(free - performance.now());
    },
  });
  expect((result.completed / result.elapsedMs) * 1000).toBeLessThan(110);
});

test('openLoop() stops when its signal is aborted', async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 50);
  const begun = performance.now();
  await openLoop({
    ratePerSecond: 100,
    random: seededRandom(1),
    warmupMs: 0,
    durationMs: 20_000,
    operation: () => sleep(1),
    signal: controller.signal,
  });
  expect(performance.now() - begun).toBeLessThan(5000);
});
