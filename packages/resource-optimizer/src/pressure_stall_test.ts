import { expect, test } from 'vitest';
import { parsePressureStall } from './pressure_stall.ts';

test.each([
  [
    'both lines',
    'some avg10=12.50 avg60=1.00 avg300=0.00 total=9\nfull avg10=3.00 avg60=0.00 avg300=0.00 total=1\n',
    { some: 0.125, full: 0.03 },
  ],
  [
    'cpu of older kernels has no full line',
    'some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
    { some: 0, full: 0 },
  ],
  ['no file', undefined, undefined],
  ['compiled in but off: the file reads empty', '', undefined],
])('parsePressureStall(): %s', (_, text, expected) => {
  expect(parsePressureStall(text)).toEqual(expected);
});
