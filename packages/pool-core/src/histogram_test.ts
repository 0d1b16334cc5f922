import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Histogram } from './histogram.ts';

describe('Histogram', () => {
  it('is all zeros while empty', () => {
    expect(new Histogram().summary()).toEqual({
      count: 0,
      mean: 0,
      p50: 0,
      p90: 0,
      p95: 0,
      p99: 0,
      max: 0,
    });
  });

  it('finds percentiles within 1/32, from a microsecond to half an hour', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.001, max: 2_000_000, noNaN: true }), {
          minLength: 1,
          maxLength: 200,
        }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (durations, q) => {
          const histogram = new Histogram();
          for (const ms of durations) histogram.record(ms);
          const sorted = [...durations].sort((a, b) => a - b);
          const exact = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] as number;
          const found = histogram.percentile(q);
          expect(Math.abs(found - exact)).toBeLessThanOrEqual(exact / 32 + 0.001);
        },
      ),
    );
  });

  it('is exact in count, mean and maximum, for what is beyond its range as well', () => {
    const histogram = new Histogram();
    for (const ms of [1, 2, 3, 10_000_000]) histogram.record(ms);
    const { count, mean, max } = histogram.summary();
    expect({ count, mean, max }).toEqual({ count: 4, mean: 2_500_001.5, max: 10_000_000 });
    expect(histogram.percentile(1)).toBeGreaterThan(2_000_000);
  });

  it('takes a negative duration as none', () => {
    const histogram = new Histogram();
    histogram.record(-5);
    expect(histogram.percentile(0.5)).toBe(0);
  });
});
