import { expect, test } from 'vitest';
import { number, ratio, withUnit } from './number.ts';
import { markdownTable, textTable } from './table.ts';

test.each([
  [34123.4, '34,120'],
  [1.8249, '1.82'],
  [0.015234, '0.0152'],
  [12, '12'],
  [0, '0'],
  [undefined, '-'],
  [Number.NaN, '-'],
  [Number.POSITIVE_INFINITY, '∞'],
])('number(%d) is %s', (value, text) => {
  expect(number(value)).toBe(text);
});

test('withUnit() and ratio() say what the number is', () => {
  expect(withUnit('p99Ms', 1.5)).toBe('1.5 ms');
  expect(withUnit('opsPerSecond', 2000)).toBe('2,000/s');
  expect(withUnit('loads', 1)).toBe('1');
  expect(ratio(1.0666)).toBe('1.07x');
});

const columns = [{ title: 'subject' }, { title: 'ops', align: 'right' as const }];

test('textTable() aligns by what is seen, not by colour codes', () => {
  const lines = textTable(columns, [
    ['\u001b[32mours\u001b[39m', '12'],
    ['pg.Pool', '1,000'],
  ]);
  expect(lines).toEqual(['subject    ops', '\u001b[32mours\u001b[39m        12', 'pg.Pool  1,000']);
});

test('markdownTable() escapes bars and drops colours', () => {
  expect(markdownTable(columns, [['a|b', '\u001b[1m2\u001b[22m']])).toEqual([
    '| subject | ops |',
    '| --- | ---: |',
    '| a\\|b | 2 |',
  ]);
});
