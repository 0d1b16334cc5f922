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

test('unknownName() lists what is known, with or without a suggestion', () => {
  expect(unknownName('scenario', 'memroy', known)).toBe(
    'Unknown scenario "memroy", did you mean "memory"? (known: scaling, resources, cache, memory)',
  );
  expect(unknownName('scenario', 'xyz', known)).toBe(
    'Unknown scenario "xyz" (known: scaling, resources, cache, memory)',
  );
});
