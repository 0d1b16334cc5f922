import { expect, test } from 'vitest';
import { suggest, unknownName } from './suggest.ts';

const known = ['scaling', 'resources', 'cache', 'memory'];

test.each([
  ['scalng', 'scaling'],
  ['cahce', 'cache'],
  ['res', 'resources'],
  ['bogus', undefined],
  ['', undefined],
])('suggest(%o) is %o', (typed, meant) => {
  expect(suggest(typed, known)).toBe(meant);
});

test('unknownName() makes a good guess, or lists what is known', () => {
  expect(unknownName('scenario', 'memroy', known)).toBe(
    'Unknown scenario "memroy", did you mean "memory"?',
  );
  expect(unknownName('scenario', 'xyz', known)).toBe(
    'Unknown scenario "xyz" (known: scaling, resources, cache, memory)',
  );
});
