import { expect, test } from 'vitest';
import { cpuLimit, parseCpuMax } from './cpu_limit.ts';

const v1 = (quota: string, period = '100000') =>
  ({ source: 'cgroup-v1 cfs_quota', quota, period }) as const;

test.each([
  ['nothing stated is the machine', [], 8, 'machine'],
  ['v2 "max" is no quota', [parseCpuMax('max 100000\n')], 8, 'machine'],
  ['v2 one and a half cores', [parseCpuMax('150000 100000\n')], 1.5, 'cgroup-v2 cpu.max'],
  ['v2 another period', [parseCpuMax('10000 20000')], 0.5, 'cgroup-v2 cpu.max'],
  ['v1 -1 is no quota', [v1('-1')], 8, 'machine'],
  ['v1 two cores', [v1('200000\n', '100000\n')], 2, 'cgroup-v1 cfs_quota'],
  ['a quota above the machine is none', [v1('9900000')], 8, 'machine'],
  [
    'the smallest on the way up',
    [parseCpuMax('max 100000'), parseCpuMax('300000 100000'), parseCpuMax('400000 100000')],
    3,
    'cgroup-v2 cpu.max',
  ],
  ['an empty file states nothing', [parseCpuMax('')], 8, 'machine'],
  ['a period of zero states nothing', [v1('100000', '0')], 8, 'machine'],
] as const)('cpuLimit(): %s', (_, quotas, cores, source) => {
  expect(cpuLimit(8, quotas)).toEqual({ cores, source });
});
