import { setTimeout as sleep } from 'node:timers/promises';
import { GCProfiler } from 'node:v8';
import { expect, test } from 'vitest';
import { GcCounter, GcTally } from './gc_counter.ts';

/** Allocates what survives a while, so that scavenges and mark-compacts come in bursts within one task. */
function burst(): number {
  let kept: object[] = [];
  for (let i = 0; i < 400_000; i++) {
    kept.push({ i, s: `x${i}` });
    if (kept.length > 50_000) kept = [];
  }
  return kept.length;
}

test('every collection of a burst is counted, as V8 itself counts them', async () => {
  const counter = new GcCounter();
  counter.start();
  // Whatever came before is delivered and forgotten.
  await sleep(50);
  counter.interval();
  counter.nextInterval();
  const profiler = new GCProfiler();
  profiler.start();
  for (let i = 0; i < 10; i++) {
    burst();
    await sleep(5);
  }
  const seen = profiler.stop();
  await sleep(50);
  const { count, byKind, totalMs } = counter.interval();
  counter.stop();

  const scavenges = seen?.statistics.filter(({ gcType }) => gcType === 'Scavenge') ?? [];
  expect(scavenges.length).toBeGreaterThan(10);
  expect(byKind.minor.count / scavenges.length).toBe(1);
  // One or two more may fall between the two moments of stopping.
  const all = seen?.statistics.length ?? 0;
  expect(count).toBeGreaterThanOrEqual(all);
  expect(count - all).toBeLessThanOrEqual(2);
  expect(totalMs).toBeGreaterThan(0);
});

test('forced collections of one task are each counted, with their kind', async () => {
  const counter = new GcCounter();
  counter.start();
  await sleep(20);
  counter.nextInterval();
  for (let i = 0; i < 25; i++) globalThis.gc?.();
  await sleep(50);
  const { byKind, maxMs, meanMs, p99Ms } = counter.interval();
  counter.stop();
  expect(byKind.major.count).toBe(25);
  expect(maxMs).toBeGreaterThanOrEqual(meanMs);
  expect(maxMs).toBeGreaterThanOrEqual(p99Ms);
  expect(meanMs).toBeGreaterThan(0);
});

test('after stop() nothing is counted; start() begins again; both twice are harmless', async () => {
  const counter = new GcCounter();
  counter.start();
  counter.start();
  counter.stop();
  counter.stop();
  counter.nextInterval();
  globalThis.gc?.();
  await sleep(20);
  expect(counter.interval().count).toBe(0);
  counter.start();
  globalThis.gc?.();
  await sleep(20);
  expect(counter.interval().byKind.major.count).toBe(1);
  counter.stop();
});

test('the window forgets what is two rotations old', async () => {
  const counter = new GcCounter();
  counter.start();
  globalThis.gc?.();
  await sleep(20);
  counter.interval();
  expect(counter.window().byKind.major.count).toBe(1);
  counter.rotate();
  expect(counter.window().byKind.major.count).toBe(1);
  counter.rotate();
  expect(counter.window().byKind.major.count).toBe(0);
  counter.stop();
});

test('a tally tells count, mean, 99th percentile and maximum, and merges', () => {
  const tally = new GcTally();
  expect(tally.summary()).toMatchObject({ count: 0, meanMs: 0, p99Ms: 0, maxMs: 0 });
  for (let i = 1; i <= 100; i++) tally.add('minor', i / 10);
  const other = new GcTally();
  other.add('major', 50);
  tally.merge(other);
  const { count, meanMs, p99Ms, maxMs, byKind } = tally.summary();
  expect(count).toBe(101);
  expect(meanMs).toBeCloseTo((505 + 50) / 101, 6);
  expect(p99Ms).toBeGreaterThan(9.8);
  expect(p99Ms).toBeLessThan(10.3);
  expect(maxMs).toBe(50);
  expect(byKind.major).toEqual({ count: 1, totalMs: 50 });
  tally.clear();
  expect(tally.summary().count).toBe(0);
});
