import { setTimeout as sleep } from 'node:timers/promises';
import type { Scenario, Subject } from '../scenario/scenario.ts';

const BURSTS = 40;

export const gcEvents: Scenario = {
  id: 'G10',
  name: 'gc-events',
  group: 'guard',
  question: 'Is every garbage collection counted, also when several come within one task?',
  target: '1.00 of those V8 itself counts (prom-client: 0.36 to 0.69)',
  needs: [],
  takes: [],
  params: { callers: 1, connections: 1, warmupMs: 0, durationMs: 0 },
  roundMs: () => 6300,
  rounds: 5,
  // Two decimals: the two counters do not stop in the same instant.
  criteria: [
    { metric: 'countedRatio', subject: 'fynlo', op: '>=', bound: 0.995 },
    { metric: 'countedRatio', subject: 'fynlo', op: '<=', bound: 1.005 },
  ],
  subjects: [
    subject('fynlo', 'ResourceUsageOptimizer, its defaults: sum of its samples', async () => {
      const { ResourceUsageOptimizer } = await import('@fynlo/resource-optimizer');
      const optimizer = new ResourceUsageOptimizer({ act: false });
      let counted = 0;
      optimizer.on('sample', ({ detail }) => {
        counted += detail.gc.interval.count;
      });
      optimizer.start();
      return { counted: () => counted, stop: () => optimizer.stop() };
    }),
    subject('prom-client', "prom-client 15's way: the first entry of each delivery", async () => {
      const { PerformanceObserver } = await import('node:perf_hooks');
      let counted = 0;
      const observer = new PerformanceObserver((list) => {
        if (list.getEntries()[0] !== undefined) counted++;
      });
      observer.observe({ entryTypes: ['gc'] });
      return { counted: () => counted, stop: async () => observer.disconnect() };
    }),
  ],
};

/** Longer than an interval of the sampler: whatever happened before is in its count. */
const SETTLE_MS = 1500;

function subject(
  name: string,
  settings: string,
  start: () => Promise<{ counted(): number; stop(): Promise<void> }>,
): Subject {
  return {
    name,
    settings,
    async round() {
      const { GCProfiler } = await import('node:v8');
      const counter = await start();
      await sleep(SETTLE_MS);
      const from = counter.counted();
      const profiler = new GCProfiler();
      profiler.start();
      for (let i = 0; i < BURSTS; i++) {
        burst();
        await sleep(50);
      }
      const there = profiler.stop()?.statistics.length ?? 0;
      await sleep(SETTLE_MS);
      const counted = counter.counted() - from;
      await counter.stop();
      return { metrics: { countedRatio: counted / there }, details: { counted, there } };
    },
  };
}

/** Allocates what survives for a while: several collections within one task. */
function burst(): number {
  let kept: object[] = [];
  for (let i = 0; i < 400_000; i++) {
    kept.push({ i, s: `x${i}` });
    if (kept.length > 50_000) kept = [];
  }
  return kept.length;
}
