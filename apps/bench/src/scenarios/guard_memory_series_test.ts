import { seededRandom } from '@fynlo/orchestrator/measurement';
import { expect, test } from 'vitest';
import { CLASSES, memorySeries } from './guard_memory_series.ts';

const make = (kind: keyof typeof CLASSES, name: string, seed: number) => {
  const maker = CLASSES[kind][name];
  if (maker === undefined) throw new Error(`no class ${name}`);
  return memorySeries(maker, seededRandom(seed), 60);
};

test('memorySeries() gives one sample for each 30 s, and the same ones for the same seed', () => {
  const series = make('healthy', 'bursts', 7);
  expect(series).toHaveLength(120);
  expect(make('healthy', 'bursts', 7)).toEqual(series);
  expect(make('healthy', 'bursts', 8)).not.toEqual(series);
});

test('every class stays within what a process of 2 GiB can hold for an hour, but the fastest leak', () => {
  for (const [kind, classes] of Object.entries(CLASSES)) {
    for (const name of Object.keys(classes)) {
      if (name === '1 MB/s') continue;
      const series = make(kind as keyof typeof CLASSES, name, 3);
      const most = Math.max(...series.map(({ floorMb, offHeapMb }) => floorMb + offHeapMb));
      expect(most, name).toBeLessThan(1024);
      expect(Math.min(...series.map(({ floorMb }) => floorMb)), name).toBeGreaterThan(0);
    }
  }
});

test('a leak off the heap does not show on it, and a registered cache explains its growth', () => {
  const offHeap = make('leaking', '10 MB/min off the heap', 1);
  const rise = (pick: (sample: (typeof offHeap)[number]) => number) =>
    pick(offHeap.at(-1) as never) - pick(offHeap[0] as never);
  expect(rise(({ offHeapMb }) => offHeapMb)).toBeGreaterThan(400);
  expect(Math.abs(rise(({ floorMb }) => floorMb))).toBeLessThan(20);

  const cache = make('healthy', 'registered cache, full after 55 min', 1);
  const unexplained = cache.map(({ floorMb, cacheMb }) => floorMb - cacheMb);
  expect(Math.max(...unexplained) - Math.min(...unexplained)).toBeLessThan(60);
});
