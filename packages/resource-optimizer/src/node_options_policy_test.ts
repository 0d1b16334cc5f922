import { expect, test } from 'vitest';
import type { NodeOptionsInput } from './node_options_policy.ts';
import { nodeOptions } from './node_options_policy.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const LARGE: NodeOptionsInput = {
  nodeMajor: 20,
  flags: [],
  memoryLimitBytes: 16 * GIB,
  memoryTarget: 0.8,
  heapLimitBytes: 4 * GIB,
  heapUsedBytes: 100 * MIB,
  heapTotalBytes: 150 * MIB,
  rssBytes: 250 * MIB,
};

test.each<[string, Partial<NodeOptionsInput>, string[], RegExp]>([
  ['Node 20', {}, ['--max-semi-space-size=32'], /190 to 96 ms/],
  ['Node 22', { nodeMajor: 22 }, ['--max-semi-space-size=32'], /1\.27x/],
  ['Node 24 sizes it itself', { nodeMajor: 24 }, [], /Node 24 sizes/],
  ['set already', { flags: ['--max-semi-space-size=16'] }, [], /set already/],
  [
    'set already, spelled with underscores',
    { flags: ['--max_semi_space_size=16'] },
    [],
    /set already/,
  ],
  [
    'a small container',
    { memoryLimitBytes: 256 * MIB, heapLimitBytes: 120 * MIB, heapUsedBytes: 20 * MIB },
    [],
    /too much of 256 MiB/,
  ],
  [
    'a heap larger than its container',
    { nodeMajor: 24, memoryLimitBytes: GIB, heapLimitBytes: 2 * GIB },
    ['--max-old-space-size=719'],
    /killed before V8 collects/,
  ],
  [
    'a flag larger than its container is called out',
    {
      nodeMajor: 24,
      memoryLimitBytes: GIB,
      heapLimitBytes: 2 * GIB,
      flags: ['--max-old-space-size=2048'],
    },
    ['--max-old-space-size=719'],
    /killed before/,
  ],
  [
    'a heap nearly full in a roomy container',
    {
      nodeMajor: 24,
      memoryLimitBytes: 8 * GIB,
      heapLimitBytes: 2 * GIB,
      heapUsedBytes: 1.6 * GIB,
      heapTotalBytes: 1.7 * GIB,
      rssBytes: 1.8 * GIB,
    },
    ['--max-old-space-size=6451'],
    /the memory limit allows more/,
  ],
  [
    'no room for a heap at all',
    { nodeMajor: 24, memoryLimitBytes: 100 * MIB, heapLimitBytes: 256 * MIB },
    [],
    /leaves no room/,
  ],
])('nodeOptions(): %s', (_, change, flags, why) => {
  const options = nodeOptions({ ...LARGE, ...change });
  expect(options.flags).toEqual(flags);
  expect(options.why.join('\n')).toMatch(why);
});
