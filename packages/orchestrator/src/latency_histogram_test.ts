import { describe, expect, it } from 'vitest';
import { LatencyHistogram } from './latency_histogram.ts';

describe('LatencyHistogram', () => {
  it('is exact to the microsecond below 512 µs', () => {
    const histogram = new LatencyHistogram();
    for (let us = 1; us <= 500; us++) histogram.record(us / 1000);
    expect(histogram.percentile(50)).toBe(0.25);
    expect(histogram.percentile(99)).toBe(0.495);
    expect(histogram.summary().max).toBe(0.5);
  });

  it.each([0.6, 1, 4.999, 37.2, 812, 59_999, 1_800_000])(
    'holds %s ms within 0.4 %% and never below it',
    (ms) => {
      const histogram = new LatencyHistogram();
      histogram.record(ms);
      histogram.record(ms * 10);
      const measured = histogram.percentile(50);
      expect(measured).toBeGreaterThanOrEqual(ms - 0.0005);
      expect(measured).toBeLessThanOrEqual(ms * 1.0041);
    },
  );

  it('agrees with the sorted values on a skewed distribution', () => {
    const histogram = new LatencyHistogram();
    const values: number[] = [];
    for (let i = 1; i <= 10_000; i++) {
      const value = 0.05 + 3 / (i % 997 || 1);
      values.push(value);
      histogram.record(value);
    }
    values.sort((a, b) => a - b);
    for (const percent of [50, 90, 95, 99, 99.9]) {
      const exact = values[Math.ceil((percent / 100) * values.length) - 1] ?? Number.NaN;
      expect(histogram.percentile(percent) / exact).toBeGreaterThan(0.99);
      expect(histogram.percentile(percent) / exact).toBeLessThan(1.01);
    }
    expect(histogram.mean).toBeCloseTo(values.reduce((a, b) => a + b, 0) / values.length, 9);
  });

  it('merges to what one histogram of all values would be', () => {
    const left = new LatencyHistogram();
    const right = new LatencyHistogram();
    const all = new LatencyHistogram();
    for (let i = 0; i < 2000; i++) {
      const value = (i * 7919) % 4001;
      (i % 3 === 0 ? left : right).record(value / 100);
      all.record(value / 100);
    }
    left.merge(right);
    expect(left.buckets()).toEqual(all.buckets());
    expect(left.summary().p95).toBe(all.summary().p95);
  });

  it('gives all its counts out in buckets', () => {
    const histogram = new LatencyHistogram();
    for (let i = 0; i < 1234; i++) histogram.record(i / 7);
    expect(histogram.buckets().reduce((sum, bucket) => sum + bucket.count, 0)).toBe(1234);
  });

  it('can be rebuilt from its buckets, after a trip through JSON', () => {
    const histogram = new LatencyHistogram();
    for (let i = 1; i <= 5000; i++) histogram.record((i * i) / 3000);
    const again = LatencyHistogram.from(JSON.parse(JSON.stringify(histogram.buckets())));
    expect(again.buckets()).toEqual(histogram.buckets());
    for (const percent of [1, 50, 95, 99.9]) {
      expect(again.percentile(percent)).toBe(histogram.percentile(percent));
    }
    expect(again.mean / histogram.mean).toBeGreaterThanOrEqual(1);
    expect(again.mean / histogram.mean).toBeLessThan(1.005);
  });

  it('brackets a percentile by its confidence interval, and gives none for too few values', () => {
    const histogram = new LatencyHistogram();
    for (let us = 1; us <= 400; us++) histogram.record(us / 1000);
    const interval = histogram.percentileInterval(95);
    expect(interval?.[0]).toBeLessThan(0.38);
    expect(interval?.[1]).toBeGreaterThan(0.38);
    const few = new LatencyHistogram();
    for (let us = 1; us <= 20; us++) few.record(us / 1000);
    expect(few.percentileInterval(99)).toBeUndefined();
  });

  it('says 0 for everything while it is empty', () => {
    const { count, min, p95, max } = new LatencyHistogram().summary();
    expect({ count, min, p95, max }).toEqual({ count: 0, min: 0, p95: 0, max: 0 });
  });
});
