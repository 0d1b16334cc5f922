import { describe, expect, it } from 'vitest';
import {
  directionChanges,
  levelFollowing,
  scalingQuality,
  timeToShrink,
} from './scaling_quality_policy.ts';

const sample = (at: number, size: number, leased: number, serverConnections: number | null) => ({
  at,
  size,
  leased,
  serverConnections,
});

describe('scalingQuality()', () => {
  it('finds the peak, when it was reached, and what it had to spare', () => {
    const quality = scalingQuality([
      sample(100, 10, 2, 10),
      sample(350, 40, 30, 38),
      sample(600, 50, 41, 50),
      sample(850, 50, 44, null),
      sample(1100, 10, 0, 11),
    ]);
    expect(quality).toEqual({
      startSize: 10,
      peakSize: 50,
      peakServerConnections: 50,
      peakLeased: 44,
      endSize: 10,
      endServerConnections: 11,
      timeToPeakMs: 500,
      overshoot: 6,
    });
  });

  it('knows nothing without samples', () => {
    expect(scalingQuality([])).toBeUndefined();
  });
});

describe('levelFollowing()', () => {
  const looks = (...of: [at: number, size: number, leased: number, created: number][]) =>
    of.map(([at, size, leased, created]) => ({ ...sample(at, size, leased, size), created }));

  it.each([
    [
      'growth to what was leased, and two more',
      looks([0, 10, 2, 10], [500, 30, 25, 30], [900, 42, 40, 42], [1_500, 41, 39, 42]),
      {
        timeToScaleMs: 900,
        peakSize: 42,
        peakLeased: 40,
        overshoot: 2,
        connects: 32,
        connectsWasted: 2,
      },
    ],
    [
      'a pool that was large enough',
      looks([0, 50, 2, 60], [500, 50, 30, 60]),
      {
        timeToScaleMs: 0,
        peakSize: 50,
        peakLeased: 30,
        overshoot: 0,
        connects: 0,
        connectsWasted: 0,
      },
    ],
    [
      'connections that were closed and opened again',
      looks([0, 50, 20, 60], [500, 45, 20, 60], [900, 50, 20, 65]),
      {
        timeToScaleMs: 0,
        peakSize: 50,
        peakLeased: 20,
        overshoot: 0,
        connects: 5,
        connectsWasted: 5,
      },
    ],
  ])('of %s', (_, samples, following) => {
    expect(levelFollowing(samples)).toEqual(following);
  });

  it('knows nothing without samples', () => {
    expect(levelFollowing([])).toBeUndefined();
  });
});

describe('directionChanges()', () => {
  it.each([
    ['a constant size', [20, 20, 20], 0],
    ['growth only', [10, 15, 22, 33, 50], 0],
    ['shrinking only', [50, 45, 41, 37], 0],
    ['one turn', [10, 30, 50, 40, 30], 1],
    ['flapping', [20, 30, 20, 30, 20], 3],
    ['replacements within the tolerance', [50, 49, 50, 48, 50, 49], 0],
    ['slow drift and back', [50, 49, 48, 47, 46, 47, 48, 49, 50], 1],
    ['nothing', [], 0],
  ])('of %s', (_, sizes, turns) => {
    expect(directionChanges(sizes, 3)).toBe(turns);
  });
});

describe('timeToShrink()', () => {
  const samples = [sample(0, 50, 0, null), sample(400, 12, 0, null), sample(800, 10, 0, null)];
  it('is the time until the size was first reached', () => {
    expect(timeToShrink(samples, 100, 10)).toBe(700);
    expect(timeToShrink(samples, 100, 12)).toBe(300);
  });
  it('is undefined when it never was', () => {
    expect(timeToShrink(samples, 0, 5)).toBeUndefined();
  });
});
