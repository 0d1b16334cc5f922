import { expect, test } from 'vitest';
import { parseThrottledMs, readCgroup } from './_cgroup.ts';
import { cpuLimit } from './cpu_limit.ts';
import { memoryLimit } from './memory_limit.ts';

const GIB = 1024 ** 3;
const from = (files: Record<string, string>) => (path: string) => files[path];
const limits = (files: Record<string, string>) => {
  const group = readCgroup(from(files));
  return { memory: memoryLimit(64 * GIB, group.memory), cpu: cpuLimit(16, group.cpu), group };
};

test('cgroup v2 in a container of its own namespace: limits are at the root of the mount', () => {
  const { memory, cpu, group } = limits({
    '/proc/self/cgroup': '0::/\n',
    '/sys/fs/cgroup/memory.max': `${2 * GIB}\n`,
    '/sys/fs/cgroup/memory.high': 'max\n',
    '/sys/fs/cgroup/cpu.max': '150000 100000\n',
    '/sys/fs/cgroup/cpu.stat': 'usage_usec 5\nnr_throttled 1\nthrottled_usec 2500\n',
    '/sys/fs/cgroup/memory.pressure': 'some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
    '/proc/pressure/memory': 'some avg10=9.00 avg60=0.00 avg300=0.00 total=0\n',
    '/proc/pressure/cpu': 'some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
  });
  expect(memory).toEqual({ limitBytes: 2 * GIB, source: 'cgroup-v2 memory.max' });
  expect(cpu).toEqual({ cores: 1.5, source: 'cgroup-v2 cpu.max' });
  expect(group.cpuStatPath).toBe('/sys/fs/cgroup/cpu.stat');
  expect(group.memoryPressurePath).toBe('/sys/fs/cgroup/memory.pressure');
  expect(group.cpuPressurePath).toBe('/proc/pressure/cpu');
});

test('cgroup v2 under systemd: a limit on a slice above counts', () => {
  const { memory, cpu } = limits({
    '/proc/self/cgroup': '0::/system.slice/shop.service\n',
    '/sys/fs/cgroup/system.slice/shop.service/memory.max': 'max\n',
    '/sys/fs/cgroup/system.slice/memory.max': `${8 * GIB}\n`,
    '/sys/fs/cgroup/system.slice/shop.service/cpu.max': 'max 100000\n',
    '/sys/fs/cgroup/system.slice/cpu.max': '400000 100000\n',
  });
  expect(memory.limitBytes).toBe(8 * GIB);
  expect(cpu.cores).toBe(4);
});

test('cgroup v1 in a container without a namespace: the named path is not mounted, the root is', () => {
  const { memory, cpu, group } = limits({
    '/proc/self/cgroup':
      '4:memory:/docker/0123abcd\n3:cpu,cpuacct:/docker/0123abcd\n1:name=systemd:/docker/0123abcd\n',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes': `${512 * 1024 ** 2}\n`,
    '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '50000\n',
    '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
    '/sys/fs/cgroup/cpu,cpuacct/cpu.stat': 'nr_periods 9\nnr_throttled 2\nthrottled_time 7000000\n',
  });
  expect(memory).toEqual({ limitBytes: 512 * 1024 ** 2, source: 'cgroup-v1 limit_in_bytes' });
  expect(cpu).toEqual({ cores: 0.5, source: 'cgroup-v1 cfs_quota' });
  expect(group.cpuStatPath).toBe('/sys/fs/cgroup/cpu,cpuacct/cpu.stat');
});

test('cgroup v1 without limits says absurd numbers, which are none', () => {
  const { memory, cpu } = limits({
    '/proc/self/cgroup': '4:memory:/\n3:cpu:/\n0::/\n',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
    '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
    '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
  });
  expect(memory).toEqual({ limitBytes: 64 * GIB, source: 'total' });
  expect(cpu).toEqual({ cores: 16, source: 'machine' });
});

test('hybrid layout: memory by v1, the unified hierarchy beside it', () => {
  const { memory } = limits({
    '/proc/self/cgroup': '4:memory:/jobs/7\n0::/user.slice\n',
    '/sys/fs/cgroup/memory/jobs/7/memory.limit_in_bytes': '9223372036854771712\n',
    '/sys/fs/cgroup/memory/jobs/memory.limit_in_bytes': `${GIB}\n`,
    '/sys/fs/cgroup/unified/user.slice/memory.max': `${4 * GIB}\n`,
  });
  expect(memory).toEqual({ limitBytes: GIB, source: 'cgroup-v1 limit_in_bytes' });
});

test('no cgroups at all: the machine is the limit and nothing is stated', () => {
  const { memory, cpu, group } = limits({});
  expect(memory).toEqual({ limitBytes: 64 * GIB, source: 'total' });
  expect(cpu).toEqual({ cores: 16, source: 'machine' });
  expect(group).toEqual({
    memory: [],
    cpu: [],
    cpuStatPath: undefined,
    memoryPressurePath: undefined,
    cpuPressurePath: undefined,
  });
});

test('a path that climbs out of the mount is not followed', () => {
  const asked: string[] = [];
  readCgroup((path) => {
    asked.push(path);
    return path === '/proc/self/cgroup' ? '0::/../../etc\n' : undefined;
  });
  expect(asked.filter((path) => path.includes('..'))).toEqual([]);
});

test.each([
  ['v2', 'usage_usec 1\nthrottled_usec 2500\n', 2.5],
  ['v1', 'nr_throttled 2\nthrottled_time 7000000\n', 7],
  ['a root group counts none', 'usage_usec 1\n', undefined],
  ['no file', undefined, undefined],
])('parseThrottledMs(): %s', (_, text, expected) => {
  expect(parseThrottledMs(text)).toBe(expected);
});
