import { describe, expect, it } from 'vitest';
import { HostMonitor } from './_host_monitor.ts';

describe('HostMonitor', () => {
  it('sees the CPU that this process burns', () => {
    const monitor = HostMonitor.start();
    const until = performance.now() + 400;
    while (performance.now() < until);
    const usage = monitor.stop();
    expect(usage.cpuPercent).toBeGreaterThan(5);
    expect(usage.cpuPercent).toBeLessThanOrEqual(100);
    expect(usage.loadPerCore).toBeGreaterThanOrEqual(0);
    if (usage.stealPercent !== null) {
      expect(usage.stealPercent).toBeGreaterThanOrEqual(0);
      expect(usage.stealPercent).toBeLessThanOrEqual(100);
    }
  });
});
