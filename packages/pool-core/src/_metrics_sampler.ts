/**
 * The pool and its process, one sample at a time.
 *
 * @module
 */
import type { Meter } from './_meter.ts';
import type { Clock } from './clock.ts';
import type { ConnectionPoolMetrics } from './contract.ts';

/** Takes differences between samples. */
export class MetricsSampler {
  readonly #clock: Clock;
  readonly #meter: Meter;
  #at: number;
  #cpu: NodeJS.CpuUsage = process.cpuUsage();
  #waits = 0;
  #waitedMs = 0;

  constructor(clock: Clock, meter: Meter) {
    this.#clock = clock;
    this.#meter = meter;
    this.#at = clock.now();
  }

  sample(counts: {
    leased: number;
    idle: number;
    usable: number;
    size: number;
  }): ConnectionPoolMetrics {
    const now = this.#clock.now();
    const cpu = process.cpuUsage();
    const { count, sum } = this.#meter.wait;
    const waits = count - this.#waits;
    const waitedMs = sum - this.#waitedMs;
    const cpuMs = (cpu.user - this.#cpu.user + cpu.system - this.#cpu.system) / 1000;
    const tookMs = now - this.#at;
    this.#at = now;
    this.#cpu = cpu;
    this.#waits = count;
    this.#waitedMs = sum;
    return {
      timestamp: this.#clock.wallNow(),
      activeConnections: counts.leased,
      idleConnections: counts.idle,
      totalConnections: counts.size,
      poolUtilization: counts.usable === 0 ? 0 : counts.leased / counts.usable,
      connectionWaitTime: waits === 0 ? 0 : waitedMs / waits,
      memoryUsageMb: process.memoryUsage.rss() / 2 ** 20,
      cpuUsagePercent: tookMs > 0 ? (cpuMs / tookMs) * 100 : 0,
    };
  }
}
