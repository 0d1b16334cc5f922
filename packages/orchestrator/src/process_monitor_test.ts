import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ProcessMonitor } from './process_monitor.ts';

function burnCpu(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

describe('ProcessMonitor', () => {
  it('counts every forced collection, by kind, with its pause', async () => {
    const monitor = ProcessMonitor.start();
    for (let i = 0; i < 5; i++) globalThis.gc?.();
    await sleep(50);
    const { gc } = monitor.stop();
    expect(gc.byKind['major']).toBeGreaterThanOrEqual(5);
    expect(gc.pause.count).toBe(gc.collections);
    expect(gc.totalMs).toBeGreaterThan(0);
  });

  it('tells a busy process from an idle one', async () => {
    const idle = ProcessMonitor.start();
    await sleep(300);
    const idleUsage = idle.stop();
    const busy = ProcessMonitor.start();
    // The loop's delay is measured by a timer, which has to have run once.
    await sleep(30);
    burnCpu(300);
    await sleep(30);
    const busyUsage = busy.stop();
    expect(busyUsage.cpuPercentOfOneCore).toBeGreaterThan(2 * idleUsage.cpuPercentOfOneCore);
    expect(busyUsage.eventLoopUtilization).toBeGreaterThan(idleUsage.eventLoopUtilization);
    expect(busyUsage.eventLoopDelayMaxMs).toBeGreaterThan(100);
  });

  it('sees memory that came and went', async () => {
    const monitor = ProcessMonitor.start();
    let block: Buffer | undefined = Buffer.alloc(120 * 1024 * 1024, 1);
    await sleep(250);
    expect(block.length).toBeGreaterThan(0);
    block = undefined;
    globalThis.gc?.();
    const usage = monitor.stop();
    expect(usage.rssPeakMb - usage.rssStartMb).toBeGreaterThan(80);
  });
});
