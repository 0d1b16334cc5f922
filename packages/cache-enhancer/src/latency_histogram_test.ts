import { expect, test } from 'vitest';
import { LatencyHistogram } from './latency_histogram.ts';

test('quantiles are at most 3.2 % above the exact ones, over seven orders of magnitude', () => {
  const histogram = new LatencyHistogram();
  const values = Array.from({ length: 10_000 }, (_, i) => 0.0001 * 1.002 ** i);
  for (const value of values) histogram.record(value);
  const { p50, p95, p99, max, count, mean } = histogram.summary();
  for (const [q, got] of [
    [0.5, p50],
    [0.95, p95],
    [0.99, p99],
  ] as const) {
    const exact = values[Math.ceil(q * values.length) - 1] as number;
    expect(got / exact).toBeGreaterThanOrEqual(1);
    expect(got / exact).toBeLessThan(1.033);
  }
  expect(count).toBe(10_000);
  expect(max).toBe(values.at(-1));
  expect(mean).toBeCloseTo(values.reduce((a, b) => a + b) / values.length, 6);
});

test('a weight counts for as many, and adding keeps both', () => {
  const a = new LatencyHistogram();
  const b = new LatencyHistogram();
  a.record(1, 99);
  b.record(100);
  a.add(b);
  const { count, mean, p50, max } = a.summary();
  expect([count, max]).toEqual([100, 100]);
  expect(mean).toBeCloseTo(1.99);
  expect(p50).toBeLessThan(1.04);
  expect(new LatencyHistogram().summary()).toEqual({
    count: 0,
    mean: 0,
    p50: 0,
    p95: 0,
    p99: 0,
    max: 0,
  });
});
