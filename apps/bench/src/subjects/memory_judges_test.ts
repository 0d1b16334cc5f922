import { expect, test } from 'vitest';
import type { MemorySample } from '../scenarios/guard_memory_series.ts';
import { fynloGuard, growthAlarm, growthRule } from './memory_judges.ts';

const sample = (floorMb: number, offHeapMb = 5): MemorySample => ({
  floorMb,
  offHeapMb,
  garbageMb: 10,
  load: 1,
  cacheMb: 0,
});
const steady = (floor: (i: number) => number, offHeap?: (i: number) => number): MemorySample[] =>
  Array.from({ length: 90 }, (_, i) => sample(floor(i), offHeap?.(i)));

test('the growth rule alarms at the first sample that is more than 100 MB above the first', () => {
  expect(growthAlarm(steady((i) => 50 + 10 * i))).toBe(11);
  expect(growthAlarm(steady((i) => 50 + i))).toBeUndefined();
});

test('fed guards see each its own series: heap, off the heap, near the limit, registered cache', async () => {
  const before = process.memoryUsage;
  const [flat, heap, offHeap, fast, cache] = await fynloGuard.judge([
    steady(() => 100),
    steady((i) => 100 + 2 * i),
    steady(
      () => 100,
      (i) => 5 + 5 * i,
    ),
    steady((i) => 100 + 30 * i),
    steady((i) => 100 + 2 * i).map((one, i) => ({ ...one, cacheMb: 2 * i })),
  ]);
  expect(flat).toBeUndefined();
  // The twentieth point shows the trend, and 20 minutes confirm it.
  expect(heap).toBe(19 + 40);
  expect(offHeap).toBe(19 + 40);
  // At 60 MB a minute the limit of 1 GB is less than ten minutes away.
  expect(fast).toBe(19);
  expect(cache).toBeUndefined();
  expect(process.memoryUsage).toBe(before);
});

test('both judges answer for each series', async () => {
  const all = [steady(() => 100), steady((i) => 100 + 30 * i)];
  expect(await growthRule.judge(all)).toEqual([undefined, 4]);
});
