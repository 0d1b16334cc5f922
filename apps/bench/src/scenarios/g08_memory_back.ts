import { setTimeout as sleep } from 'node:timers/promises';
import type { Scenario, Subject } from '../scenario/scenario.ts';

/** Two samples of a calm process, and a trim, with room. */
const IDLE_MS = 6000;
const MB = 2 ** 20;

export const memoryBack: Scenario = {
  id: 'G8',
  name: 'memory-back',
  group: 'guard',
  question: 'Does an idle process give the memory of a 300 MB burst back to the system?',
  target: '<= 0.3x the resident set of a process that keeps it for good',
  needs: [],
  takes: ['duration', 'warmup'],
  params: { callers: 1, connections: 1, warmupMs: 500, durationMs: IDLE_MS },
  rounds: 5,
  criteria: [
    { metric: 'rssAfterMb', subject: 'fynlo', peer: 'no optimizer', op: '<=', bound: 0.3 },
  ],
  subjects: [
    subject('fynlo', 'ResourceUsageOptimizer, its defaults', async () => {
      const { ResourceUsageOptimizer } = await import('@fynlo/resource-optimizer');
      const optimizer = new ResourceUsageOptimizer();
      const trims: unknown[] = [];
      optimizer.on('action', ({ name, applied, reason, costMs }) => {
        trims.push({ name, applied, reason, costMs });
      });
      optimizer.start();
      return { trims, stop: () => optimizer.stop() };
    }),
    subject('no optimizer', 'Node.js by itself', async () => ({ trims: [], stop: async () => {} })),
  ],
};

function subject(
  name: string,
  settings: string,
  start: () => Promise<{ readonly trims: readonly unknown[]; stop(): Promise<void> }>,
): Subject {
  return {
    name,
    settings,
    async round({ params }) {
      const { trims, stop } = await start();
      await sleep(params.warmupMs);
      const rssPeakMb = burst();
      // Idle long enough in every profile: what is asked is where the memory is then.
      await sleep(Math.max(params.durationMs, IDLE_MS));
      const rssAfterMb = process.memoryUsage.rss() / MB;
      await stop();
      return { metrics: { rssAfterMb, rssPeakMb }, details: { actions: trims } };
    },
  };
}

/** Some 300 MB of small objects, unreachable when it returns the resident set with them. */
function burst(): number {
  const kept: unknown[] = [];
  for (let i = 0; i < 1.5e6; i++) kept.push({ i, s: `x${i}`, t: [i], d: { q: i } });
  const rss = process.memoryUsage.rss() / MB;
  return kept.length > 0 ? rss : 0;
}
