/**
 * An optimizer of a fake process, in virtual time.
 */
import type { PoolStats } from '@fynlo/pool-core/contract';
import { FakeClock } from '@fynlo/testing/fake-clock';
import { FakeHost } from './_fake_host.ts';
import type { ResourceUsageOptimizerOptions } from './options.ts';
import type { WatchedPool } from './pool_watch.ts';
import type { OptimizationReport } from './report.ts';
import { ResourceUsageOptimizer } from './resource_usage_optimizer.ts';

export const MIB: number = 1024 * 1024;

interface OptimizerSetUp {
  readonly clock: FakeClock;
  readonly host: FakeHost;
  readonly optimizer: ResourceUsageOptimizer;
  /** Each change of a pressure level. */
  readonly levels: string[];
  /** Each action, with + where it was applied. */
  readonly actions: string[];
  /** Awaits a report while virtual time passes. */
  readonly settled: (
    report: Promise<OptimizationReport>,
    ms?: number,
  ) => Promise<OptimizationReport>;
}

/** One that nothing has started yet. */
export function setUp(options: ResourceUsageOptimizerOptions = {}): OptimizerSetUp {
  const clock = new FakeClock();
  const host = new FakeHost(() => clock.now());
  const optimizer = new ResourceUsageOptimizer({ clock, host, ...options });
  const levels: string[] = [];
  const actions: string[] = [];
  optimizer.on('pressure', ({ resource, to }) => levels.push(`${resource} ${to}`));
  optimizer.on('action', ({ name, applied }) => actions.push(`${applied ? '+' : '-'}${name}`));
  const settled = async (
    report: Promise<OptimizationReport>,
    ms = 10_000,
  ): Promise<OptimizationReport> => {
    await clock.advance(ms);
    return await report;
  };
  return { clock, host, optimizer, levels, actions, settled };
}

/** A pool whose counters are as the test says. */
export class FakePool {
  acquires = 0;
  created = 0;
  idle = 0;
  leased = 0;
  waiting = 0;
  oldestWaitMs = 0;
  min = 2;
  max = 50;
  destroyed: PoolStats['destroyed'] = {};
  evicted = 0;
  stats(): ReturnType<WatchedPool['stats']> {
    const { acquires, created, idle, leased, waiting, oldestWaitMs, min, max, destroyed } = this;
    const none = { acquireTimeouts: 0, acquireRejections: 0, createFailures: 0 };
    const size = idle + leased;
    return {
      acquires,
      created,
      idle,
      leased,
      waiting,
      oldestWaitMs,
      min,
      max,
      destroyed,
      size,
      ...none,
    };
  }
  resize({ min, max }: { min?: number; max?: number }): void {
    this.min = min ?? this.min;
    this.max = max ?? this.max;
  }
  evictIdle(): number {
    const evicted = Math.max(0, this.idle - this.min);
    this.idle -= evicted;
    this.evicted += evicted;
    return evicted;
  }
}

/** What it throws. */
export function catching(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}
