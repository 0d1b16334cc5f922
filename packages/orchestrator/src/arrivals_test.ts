import { describe, expect, it } from 'vitest';
import { arrivals, lengthMs, ramp, rateAt, steady } from './arrivals.ts';
import { seededRandom } from './seeded_random.ts';

describe('arrivals', () => {
  const segments = [ramp(10_000, 0, 200), steady(10_000, 200), steady(5_000, 20)];

  it('follow the rate of each segment', () => {
    const due = arrivals(segments, seededRandom(5));
    const between = (from: number, to: number) => due.filter((at) => at >= from && at < to).length;
    expect(between(0, 10_000)).toBeGreaterThan(850);
    expect(between(0, 10_000)).toBeLessThan(1150);
    expect(between(10_000, 20_000)).toBeGreaterThan(1800);
    expect(between(10_000, 20_000)).toBeLessThan(2200);
    expect(between(20_000, 25_000)).toBeGreaterThan(60);
    expect(between(20_000, 25_000)).toBeLessThan(140);
  });

  it('are in order, within the segments, and not evenly spaced', () => {
    const due = arrivals([steady(20_000, 100)], seededRandom(6));
    const gaps: number[] = [];
    for (let i = 1; i < due.length; i++) gaps.push((due[i] ?? 0) - (due[i - 1] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0);
    expect(due.at(-1)).toBeLessThan(20_000);
    const mean = gaps.reduce((a, b) => a + b, 0) / gaps.length;
    const variance = gaps.reduce((a, b) => a + (b - mean) ** 2, 0) / gaps.length;
    // The coefficient of variation of exponential gaps is 1.
    expect(Math.sqrt(variance) / mean).toBeCloseTo(1, 0);
  });

  it('are none for no load', () => {
    expect(arrivals([steady(1000, 0)], seededRandom(1))).toHaveLength(0);
  });

  it('have a rate of 0 after the last segment', () => {
    expect(rateAt(segments, 5_000)).toBe(100);
    expect(rateAt(segments, lengthMs(segments) + 1)).toBe(0);
  });
});
