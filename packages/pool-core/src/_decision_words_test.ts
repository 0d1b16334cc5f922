import { describe, expect, it } from 'vitest';
import { joined, sentence } from './_decision_words.ts';
import type { ScalingEvent, ScalingReason } from './contract.ts';

const NOW = 1_700_000_000_000;

function event(
  reason: ScalingReason,
  from: number,
  to: number,
  inputs: Record<string, number> = {},
  secondsAgo = 12,
): ScalingEvent {
  return { at: NOW - secondsAgo * 1_000, reason, from, to, inputs };
}

const rates = {
  leasedBefore: 64,
  leased: 79.42,
  ratePerSecondBefore: 6_052.3,
  ratePerSecond: 5_371.9,
};

describe('a decision in words', () => {
  it.each<[ScalingEvent, string]>([
    [
      event('waiters', 25, 32, { waiting: 375, leased: 25, holdMs: 7.361, connectMs: 10 }),
      '12 s ago: size 25 -> 32, as a connect (10 ms) was sooner for the 375 waiting than a connection coming back (25 leased, held for 7.36 ms each)',
    ],
    [
      event('waiters', 0, 1, { waiting: 1, leased: 0 }),
      '12 s ago: size 0 -> 1, as a connect was sooner for the 1 waiting than a connection coming back (0 leased)',
    ],
    [
      event('utilization-high', 20, 28, { utilization: 0.912, threshold: 0.8 }),
      '12 s ago: size 20 -> 28, as 91.2 % of the connections were leased, above the threshold of 80 % for some seconds',
    ],
    [
      event('utilization-low', 50, 45, { utilization: 0.1, threshold: 0.3 }),
      '12 s ago: size 50 -> 45, as 10 % of the connections were leased, and for a minute never as much as the threshold of 30 %',
    ],
    [
      event('resize', 500, 100, { min: 10, max: 100 }),
      '12 s ago: ceiling 500 -> 100, as a caller changed the bounds (10 to 100)',
    ],
    [
      event('ceiling-frozen', 80, 64, rates),
      '12 s ago: ceiling 80 -> 64, as 79.4 leased connections did 5370/s where 64 had done 6050/s',
    ],
    [
      event('ceiling-cut', 100, 80, {
        ratePerSecond: 900,
        bestRatePerSecond: 5_000,
        correlation: -0.9,
      }),
      '12 s ago: ceiling 100 -> 80, as throughput fell to 900/s, from a recent best of 5000/s, lower with each growth',
    ],
    [
      event('ceiling-probe', 64, 80, { ratePerSecond: 6_000 }),
      '12 s ago: ceiling 64 -> 80, to see whether more connections do more than 6000/s',
    ],
    [
      event('ceiling-probe', 64, 51, {
        ratePerSecond: 6_000,
        bestRatePerSecond: 6_100,
        correlation: 0,
      }),
      '12 s ago: ceiling 64 -> 51, to see whether fewer connections do as much as 6000/s',
    ],
    [
      event('ceiling-probe', 51, 64, { ...rates, leased: 51, ratePerSecond: 5_100 }),
      '12 s ago: ceiling 51 -> 64, given back: 51 leased connections did 5100/s where 64 had done 6050/s',
    ],
    [
      event('ceiling-probe', 16, 32, { waiting: 40, thinking: 1 }),
      '12 s ago: ceiling 16 -> 32, for 40 waiting acquires, as callers hold connections without using them',
    ],
    [
      event('ceiling-step', 16, 500, { open: 400, waiting: 100 }),
      '12 s ago: ceiling 16 -> 500, step by step with the size (400 open, 100 acquires wait)',
    ],
    [
      event('server-limit', 30, 36, { waiting: 9 }),
      '12 s ago: ceiling 30 -> 36, to see whether the server has room for the 9 waiting by now',
    ],
    [
      event('event-loop-saturated', 16, 16, { waiting: 40, utilization: 1 }),
      "12 s ago: ceiling held at 16, though 40 acquires wait: this process's own event loop is saturated, which no connection mends",
    ],
    [
      event('server-limit', 40, 30, { open: 30, connecting: 0, waiting: 9 }),
      '12 s ago: ceiling 40 -> 30, as the server refused one more with 30 open: it had no room',
    ],
    [
      event('server-capacity', 500, 40, { maxConnections: 100, reserved: 3, roleLimit: 40 }),
      "12 s ago: ceiling 500 -> 40, by the server's own limits: max_connections 100, 3 reserved, role limit 40",
    ],
  ])('%o', (given, words) => {
    const [told] = joined([given]);
    if (told === undefined) throw new Error('nothing told');
    expect(sentence(told, NOW)).toBe(words);
  });

  it.each([
    [0.04, '0 s ago'],
    [119, '119 s ago'],
    [600, '10 min ago'],
    [36_000, '10 h ago'],
  ])('%d s are "%s"', (secondsAgo, words) => {
    const [told] = joined([event('minimum', 0, 10, {}, secondsAgo)]);
    if (told === undefined) throw new Error('nothing told');
    expect(sentence(told, NOW)).toBe(`${words}: size 0 -> 10, to keep the minimum open`);
  });

  it('tells a shrink of many seconds once', () => {
    const low = { utilization: 0.02, threshold: 0.3 };
    const events = [
      event('waiters', 10, 50, { waiting: 40, leased: 10 }, 90),
      event('utilization-low', 50, 45, low, 12),
      event('utilization-low', 45, 41, low, 11),
      event('utilization-low', 41, 37, low, 10),
      event('waiters', 37, 38, { waiting: 1, leased: 37 }, 5),
      event('utilization-low', 38, 35, low, 1),
    ];
    const told = joined(events);
    expect(told.map(({ from, to, steps }) => [from, to, steps])).toEqual([
      [10, 50, 1],
      [50, 37, 3],
      [37, 38, 1],
      [38, 35, 1],
    ]);
    const [, shrink] = told;
    if (shrink === undefined) throw new Error('nothing told');
    expect(sentence(shrink, NOW)).toMatch(
      /^12 s ago to 10 s ago: size 50 -> 37 in 3 steps, as 2 % of/,
    );
  });

  it('does not join a probe with the one that took it back', () => {
    const up = event('ceiling-probe', 16, 20, { ratePerSecond: 100 });
    const down = event('ceiling-probe', 20, 16, { ratePerSecond: 100, bestRatePerSecond: 100 });
    expect(joined([up, down])).toHaveLength(2);
  });
});
