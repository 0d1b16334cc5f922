import { expect, test } from 'vitest';
import { DistinctKeys } from './_distinct_keys.ts';

test.each([1, 500, 4096])(
  'up to the limit it is exact: %d keys, each seen three times',
  (count) => {
    const keys = new DistinctKeys();
    for (let i = 0; i < count * 3; i++) keys.add(`user:${i % count}`);
    expect(keys.count()).toBe(count);
  },
);

test.each([
  [20_000, (i: number) => `user:${i}`],
  [200_000, (i: number) => `order:${i}:lines`],
  [1_000_000, (i: number) => `${i.toString(36)}`],
])('beyond it, %d keys are told within 3 %%', (count, keyOf) => {
  const keys = new DistinctKeys();
  for (let i = 0; i < count; i++) keys.add(keyOf(i));
  expect(Math.abs(keys.count() / count - 1)).toBeLessThan(0.03);
});
