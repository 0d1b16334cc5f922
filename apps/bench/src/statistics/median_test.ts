import { expect, test } from 'vitest';
import { median, medianInterval, quantile } from './median.ts';

test.each([
  [[], Number.NaN],
  [[4], 4],
  [[3, 1, 2], 2],
  [[4, 1, 3, 2], 2.5],
])('median(%j) is %d', (values, expected) => {
  expect(median(values)).toBe(expected);
});

test('quantile() interpolates between order statistics', () => {
  expect(quantile([10, 20, 30, 40, 50], 0.25)).toBe(20);
  expect(quantile([10, 20], 0.95)).toBeCloseTo(19.5);
});

test('medianInterval() is finite at 95 % from six values on, and says less for fewer', () => {
  expect(medianInterval([1, 2, 3, 4, 5])).toEqual({ low: 1, high: 5, confidence: 0.9375 });
  expect(medianInterval([1, 2, 3, 4, 5, 6])).toEqual({ low: 1, high: 6, confidence: 0.96875 });
  const ten = medianInterval([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(ten).toMatchObject({ low: 2, high: 9 });
  expect(ten.confidence).toBeCloseTo(0.9785, 3);
});
