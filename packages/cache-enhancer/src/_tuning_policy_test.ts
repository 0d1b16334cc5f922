import { expect, test } from 'vitest';
import { beats, median } from './_tuning_policy.ts';

test.each([
  [[3, 1, 2], 2],
  [[4, 1, 2, 3], 2.5],
  [[7], 7],
])('the median of %j is %d', (values, wanted) => {
  expect(median(values)).toBe(wanted);
});

test.each([
  ['clearly better', [120, 118, 122], [100, 99, 101], true],
  ['better by less than 5 %', [103, 104, 102], [100, 99, 101], false],
  [
    'better by median but in a minority of the pairs',
    [200, 90, 200, 90, 110],
    [210, 95, 100, 96, 120],
    false,
  ],
  ['worse', [80, 81, 79], [100, 99, 101], false],
])('%s', (_name, challenger, holder, wanted) => {
  expect(beats(challenger, holder)).toBe(wanted);
});
