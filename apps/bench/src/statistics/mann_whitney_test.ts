import { expect, test } from 'vitest';
import { mannWhitney } from './mann_whitney.ts';

test('mannWhitney() of fully separated samples of five is 2/252, the smallest p there is', () => {
  expect(mannWhitney([1, 2, 3, 4, 5], [6, 7, 8, 9, 10])).toBeCloseTo(2 / 252, 10);
});

test('mannWhitney() of four against three agrees with counting every arrangement', () => {
  // U = 1: of the 35 arrangements, U <= 1 holds for 2; two-sided 4/35.
  expect(mannWhitney([1, 2, 4], [3, 5, 6, 7])).toBeCloseTo(4 / 35, 10);
});

test('mannWhitney() is 1 for identical samples and symmetric in its arguments', () => {
  expect(mannWhitney([3, 3, 3], [3, 3, 3])).toBe(1);
  const a = [1.2, 3.4, 2.2, 5.1, 4.4];
  const b = [2.1, 6.3, 7.7, 3.3, 5.9];
  expect(mannWhitney(a, b)).toBeCloseTo(mannWhitney(b, a), 12);
});

test('mannWhitney() is exact up to twenty values and approximated above, with no step between', () => {
  const shifted = (n: number): [number[], number[]] => [
    Array.from({ length: n }, (_, i) => i * 2),
    Array.from({ length: n }, (_, i) => i * 2 + 9),
  ];
  // By hand: U = 120, z = 79.5 / 36.97 = 2.150, p = 0.0315; the exact value lies 0.001 below.
  expect(mannWhitney(...shifted(20))).toBeCloseTo(0.0304, 3);
  // U = 136, z = 84 / 39.75 = 2.113, p = 0.0346.
  expect(mannWhitney(...shifted(21))).toBeCloseTo(0.0346, 3);
});

test('mannWhitney() of an empty sample finds nothing', () => {
  expect(mannWhitney([], [1])).toBe(1);
});
