import { expect, test } from 'vitest';
import { findTrend, mannKendall, type TrendPoint, theilSen, withoutLoad } from './_trend_policy.ts';

const series = (
  n: number,
  y: (i: number) => number,
  load: (i: number) => number = () => 1,
): TrendPoint[] => Array.from({ length: n }, (_, i) => ({ t: i * 10, y: y(i), load: load(i) }));

test('Mann–Kendall gives the one-sided chance of such an order', () => {
  // S = 45 of n = 10: z = 44 / sqrt(125) = 3.935.
  expect(mannKendall([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])).toBeCloseTo(4.15e-5, 6);
  expect(mannKendall([5, 5, 5, 5, 5, 5, 5, 5])).toBeCloseTo(0.5, 6);
  expect(mannKendall([10, 9, 8, 7, 6, 5, 4, 3, 2, 1])).toBeGreaterThan(0.9999);
});

test('Theil–Sen finds the slope through a quarter of wild points', () => {
  const points = series(40, (i) => (i % 4 === 3 ? 5_000 : 2 * i));
  expect(theilSen(points).slope).toBeCloseTo(0.2, 1);
});

const LIMITS = { minPoints: 20, alpha: 0.001, minGrowth: 8 };

test.each<[string, (i: number) => number, boolean]>([
  ['a steady rise', (i) => 100 + i, true],
  ['a rise below the least growth', (i) => 100 + 0.1 * i, false],
  ['a rise that levels out', (i) => 100 + 100 * (1 - Math.exp(-i / 8)), false],
  ['one step', (i) => (i < 20 ? 100 : 200), false],
  ['a fall', (i) => 200 - i, false],
  ['a wave', (i) => 100 + 50 * Math.sin(i), false],
])('%s', (_name, y, rising) => {
  expect(findTrend(series(40, y), LIMITS).rising).toBe(rising);
});

test('too few points show no trend', () => {
  expect(
    findTrend(
      series(19, (i) => i * 100),
      LIMITS,
    ).rising,
  ).toBe(false);
});

test('growth that follows the load is taken out, growth beside it stays', () => {
  const load = (i: number): number => 10 + 5 * Math.sin(i / 3);
  const explained = withoutLoad(series(40, (i) => 100 + 20 * load(i), load));
  const spread = Math.max(...explained.map((p) => p.y)) - Math.min(...explained.map((p) => p.y));
  expect(spread).toBeLessThan(1e-6);
  const beside = withoutLoad(series(40, (i) => 100 + 20 * load(i) + 3 * i, load));
  expect(theilSen(beside).slope).toBeCloseTo(0.3, 6);
});

test('a steady load explains nothing', () => {
  const points = series(
    40,
    (i) => 100 + i,
    () => 5,
  );
  expect(withoutLoad(points)).toBe(points);
});
