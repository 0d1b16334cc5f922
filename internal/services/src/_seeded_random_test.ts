import { expect, test } from 'vitest';
import { seededRandom } from './_seeded_random.ts';

const take = (seed: number, count: number): number[] => {
  const random = seededRandom(seed);
  return Array.from({ length: count }, random);
};

test('the same seed gives the same numbers, another seed others', () => {
  expect(take(1, 5)).toEqual(take(1, 5));
  expect(take(1, 5)).not.toEqual(take(2, 5));
});

test('the numbers are spread evenly over 0 to 1', () => {
  const tenths = new Array<number>(10).fill(0);
  for (const n of take(42, 10_000)) {
    expect(n).toBeGreaterThanOrEqual(0);
    expect(n).toBeLessThan(1);
    const tenth = Math.floor(n * 10);
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  for (const count of tenths) expect(Math.abs(count - 1_000)).toBeLessThan(150);
});
