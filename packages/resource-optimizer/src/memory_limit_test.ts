import { expect, test } from 'vitest';
import { memoryLimit } from './memory_limit.ts';

const GIB = 1024 ** 3;
const TOTAL = 16 * GIB;
const V2 = 'cgroup-v2 memory.max';
const HIGH = 'cgroup-v2 memory.high';
const V1 = 'cgroup-v1 limit_in_bytes';

test.each([
  ['nothing stated is the machine', [], TOTAL, 'total'],
  ['v2 "max" is no limit', [[V2, 'max\n']], TOTAL, 'total'],
  ['v1 2^63 rounded down to a page is no limit', [[V1, '9223372036854771712\n']], TOTAL, 'total'],
  ['libuv 2^64 is no limit', [['runtime constraint', '18446744073709551615']], TOTAL, 'total'],
  ['a limit above the RAM is no limit', [[V2, String(64 * GIB)]], TOTAL, 'total'],
  ['v2 in bytes', [[V2, `${2 * GIB}\n`]], 2 * GIB, V2],
  ['v1 in bytes', [[V1, `${GIB}\n`]], GIB, V1],
  [
    'the smallest of a group and those above',
    [
      [V2, 'max'],
      [V2, String(3 * GIB)],
      [V2, String(4 * GIB)],
    ],
    3 * GIB,
    V2,
  ],
  [
    'memory.high bites before memory.max',
    [
      [V2, String(2 * GIB)],
      [HIGH, String(GIB)],
    ],
    GIB,
    HIGH,
  ],
  ['zero is nothing stated', [[V2, '0']], TOTAL, 'total'],
  ['minus one is nothing stated', [[V1, '-1']], TOTAL, 'total'],
  ['an empty file is nothing stated', [[V2, '']], TOTAL, 'total'],
  ['garbage is nothing stated', [[V2, '12 apples']], TOTAL, 'total'],
] as const)('memoryLimit(): %s', (_, candidates, limitBytes, source) => {
  const stated = candidates.map(([from, text]) => ({ source: from, text }));
  expect(memoryLimit(TOTAL, stated)).toEqual({ limitBytes, source });
});
