import { expect, test } from 'vitest';
import { Latency } from './latency.ts';

test('Latency keeps microseconds apart and survives encoding and merging', () => {
  const a = new Latency();
  for (let i = 1; i <= 1000; i++) a.record(i / 1000);
  expect(a.percentile(50)).toBeCloseTo(0.5, 2);
  expect(a.percentile(99)).toBeCloseTo(0.99, 2);
  const b = Latency.decode(a.encode());
  b.merge(a);
  expect(b.count).toBe(2000);
  expect(b.percentile(50)).toBeCloseTo(0.5, 2);
  expect(b.maxMs).toBeCloseTo(1, 2);
});

test('Latency of nothing is 0, and absurd values are clamped', () => {
  const latency = new Latency();
  expect([latency.percentile(99), latency.maxMs, latency.meanMs]).toEqual([0, 0, 0]);
  latency.record(-1);
  latency.record(1e9);
  expect(latency.maxMs).toBeGreaterThan(590_000);
});
