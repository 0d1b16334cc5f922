import { expect, test } from 'vitest';
import { roundOrder } from './round_order.ts';

test('roundOrder() gives each subject once a round, in turned order', () => {
  expect(roundOrder(['a', 'b'], 3).map(({ round, subject }) => `${round}${subject}`)).toEqual([
    '0a',
    '0b',
    '1b',
    '1a',
    '2a',
    '2b',
  ]);
});
