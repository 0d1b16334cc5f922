import { totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { systemHostProbe } from './host_probe.ts';

const MIB = 1024 * 1024;

test('a reading agrees with what the runtime says of the process', () => {
  const probe = systemHostProbe();
  const { memory, cpuMs, loopActiveMs } = probe.read();
  const usage = process.memoryUsage();
  expect(Math.abs(memory.rssBytes - usage.rss)).toBeLessThan(20 * MIB);
  expect(Math.abs(memory.heapUsedBytes - usage.heapUsed)).toBeLessThan(20 * MIB);
  const { user, system } = process.cpuUsage();
  expect(cpuMs).toBeGreaterThan(0);
  expect(cpuMs).toBeLessThanOrEqual((user + system) / 1e3);
  expect(loopActiveMs).toBeGreaterThan(0);
  expect(probe.rssBytes()).toBeGreaterThan(10 * MIB);
});

test('the limits of this machine are sane whatever its control groups say', () => {
  const { memory, cpu } = systemHostProbe().limits();
  expect(memory.limitBytes).toBeGreaterThan(32 * MIB);
  expect(memory.limitBytes).toBeLessThanOrEqual(totalmem());
  expect(cpu.cores).toBeGreaterThan(0);
  expect(cpu.cores).toBeLessThanOrEqual(1024);
});

test('L10: the limits come from the control files, an unlimited one is the machine’s RAM', () => {
  const files: Record<string, string> = {
    '/proc/self/cgroup': '0::/\n',
    '/sys/fs/cgroup/memory.max': `${64 * MIB}\n`,
    '/sys/fs/cgroup/cpu.max': '50000 100000\n',
    '/sys/fs/cgroup/cpu.stat': 'throttled_usec 4000\n',
    '/proc/pressure/cpu': 'some avg10=50.00 avg60=0.00 avg300=0.00 total=0\n',
  };
  const probe = systemHostProbe((path) => files[path]);
  expect(probe.limits()).toEqual({
    memory: { limitBytes: 64 * MIB, source: 'cgroup-v2 memory.max' },
    cpu: { cores: 0.5, source: 'cgroup-v2 cpu.max' },
  });
  expect(probe.read()).toMatchObject({
    throttledMs: 4,
    stall: { memory: undefined, cpu: { some: 0.5, full: 0 } },
  });
  const unlimited = systemHostProbe((path) =>
    path === '/sys/fs/cgroup/memory/memory.limit_in_bytes' ? '9223372036854771712\n' : undefined,
  );
  expect(unlimited.limits().memory.limitBytes).toBeLessThanOrEqual(totalmem());
});

test('a limit that is changed on the running container is seen within 30 intervals', () => {
  const files: Record<string, string> = { '/sys/fs/cgroup/memory.max': `${64 * MIB}` };
  const probe = systemHostProbe((path) => files[path]);
  expect(probe.limits().memory.limitBytes).toBe(64 * MIB);
  files['/sys/fs/cgroup/memory.max'] = `${128 * MIB}`;
  for (let i = 0; i < 30; i++) probe.nextInterval();
  expect(probe.limits().memory.limitBytes).toBe(128 * MIB);
});

test('collect() runs a full collection and tells its stop', async () => {
  const probe = systemHostProbe();
  probe.start();
  probe.nextInterval();
  const stopMs = await probe.collect();
  await sleep(50);
  const { gc } = probe.read();
  probe.stop();
  expect(stopMs).toBeGreaterThan(0);
  expect(gc.interval.byKind.major.count).toBeGreaterThanOrEqual(1);
  expect(gc.floorBytes).toBeGreaterThan(0);
});

test('start() and stop() twice are harmless, and a stopped probe observes nothing', () => {
  const probe = systemHostProbe();
  probe.start();
  probe.start();
  expect(probe.read().gc.observing).toBe(true);
  probe.stop();
  probe.stop();
  expect(probe.read()).toMatchObject({ gc: { observing: false }, delay: { p99Ms: 0 } });
});
