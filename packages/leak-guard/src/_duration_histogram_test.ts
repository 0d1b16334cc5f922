import { expect, test } from 'vitest';
import { DurationHistogram } from './_duration_histogram.ts';

test('an empty histogram is all zero', () => {
  expect(new DurationHistogram().summary()).toEqual({
    count: 0,
    mean: 0,
    p50: 0,
    p90: 0,
    p95: 0,
    p99: 0,
    max: 0,
  });
});

test.each([0.02, 1, 45, 5_000])('percentiles of times around %d ms are right to 3 %%', (scale) => {
  const histogram = new DurationHistogram();
  for (let i = 1; i <= 1_000; i++) histogram.record((i / 1_000) * scale);
  const summary = histogram.summary();
  expect(summary.count).toBe(1_000);
  expect(summary.mean).toBeCloseTo(0.5005 * scale, 6);
  expect(summary.max).toBe(scale);
  for (const [key, share] of [
    ['p50', 0.5],
    ['p90', 0.9],
    ['p95', 0.95],
    ['p99', 0.99],
  ] as const) {
    expect(Math.abs(summary[key] - share * scale)).toBeLessThanOrEqual(0.03 * scale + 0.001);
  }
});

test('what is longer than an hour is counted', () => {
  const histogram = new DurationHistogram();
  histogram.record(10_000_000);
  expect(histogram.summary()).toMatchObject({ count: 1, max: 10_000_000 });
});
