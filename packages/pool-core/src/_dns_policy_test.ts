import { expect, test } from 'vitest';
import { afterAnswer, hasMoved, type NameHistory } from './_dns_policy.ts';

function answers(...given: string[][]): NameHistory {
  let history: NameHistory | undefined;
  given.forEach((answer, index) => {
    history = afterAnswer(history, answer, index * 1_000);
  });
  return history as NameHistory;
}

test('an address has moved when three answers in a row were alike and without it', () => {
  const once = answers(['a'], ['b']);
  expect(hasMoved(once, 'a', 1_000)).toBe(false);
  const thrice = answers(['a'], ['b'], ['b'], ['b']);
  expect(hasMoved(thrice, 'a', 3_000)).toBe(true);
  expect(hasMoved(thrice, 'b', 3_000)).toBe(false);
});

test('the order of an answer does not matter', () => {
  const history = answers(['a', 'b', 'c'], ['b', 'c'], ['c', 'b'], ['b', 'c']);
  expect(hasMoved(history, 'a', 3_000)).toBe(true);
});

test('a name that gives its addresses in turn moves nobody, until it has kept to one for ten minutes', () => {
  const history = answers(['a'], ['b'], ['a'], ['b'], ['b'], ['b'], ['b']);
  expect(hasMoved(history, 'a', 6_000)).toBe(false);
  expect(hasMoved(history, 'a', 700_000)).toBe(true);
});
