import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ResourceUsageOptimizer } from './resource_usage_optimizer.ts';

const MIB = 1024 * 1024;

/** Some 300 MB of small objects, unreachable when it returns the resident memory with them. */
function burst(): number {
  const kept = Array.from({ length: 1.5e6 }, (_, i) => ({ i, s: `x${i}`, t: [i], d: { q: i } }));
  // Two scavenges move them to the old generation, which V8 does not sweep of its own accord when idle.
  globalThis.gc?.({ type: 'minor' });
  globalThis.gc?.({ type: 'minor' });
  const peak = process.memoryUsage.rss();
  return kept.length > 0 ? peak : 0;
}

test('after a burst of 300 MB the idle process gives at least 70 % of it back by itself', async () => {
  globalThis.gc?.();
  await sleep(300);
  const before = process.memoryUsage.rss();
  const optimizer = new ResourceUsageOptimizer({ sampleIntervalMs: 100 }).start();
  const trimmed = new Promise<{ before: number; after: number; costMs: number }>((resolve) => {
    optimizer.on('action', (action) => {
      if (action.name === 'trim' && action.applied) resolve(action);
    });
  });
  const peak = burst();
  const action = await trimmed;
  await sleep(200);
  const after = process.memoryUsage.rss();
  await optimizer.stop();
  expect((peak - before) / MIB).toBeGreaterThan(150);
  expect((after - before) / (peak - before)).toBeLessThan(0.3);
  // The action's own reading agrees with the one from outside.
  expect(Math.abs(action.after - after)).toBeLessThan(0.1 * (peak - before));
  expect(action.costMs).toBeGreaterThan(0);
}, 60_000);

test('it is not trimmed again while there is nothing to gain, and says so', async () => {
  const optimizer = new ResourceUsageOptimizer();
  const { actions } = await optimizer.optimizeMemoryUsage();
  const trim = actions.find(({ name }) => name === 'trim');
  expect(trim).toMatchObject({ applied: false, unit: 'bytes', costMs: 0 });
  expect(trim?.reason).toMatch(/look reclaimable, wanted at least 64 MiB/);
}, 60_000);

test('a cache that is shrunk by its reliever comes back as resident memory', async () => {
  const optimizer = new ResourceUsageOptimizer({ trimMaxStallMs: 10_000, trimMaxUtilization: 1 });
  let cache: object[] | undefined = Array.from({ length: 8e5 }, (_, i) => ({
    i,
    s: `x${i}`,
    t: [i],
  }));
  const withCache = process.memoryUsage.rss();
  const bytes = cache.length * 100;
  optimizer.registerReliever({
    name: 'cache',
    relieve() {
      cache = undefined;
      return { freedBytes: bytes };
    },
  });
  const { actions } = await optimizer.optimizeMemoryUsage();
  expect(cache).toBeUndefined();
  expect(actions.map(({ name, applied }) => [name, applied])).toEqual([
    ['reliever:cache', true],
    ['trim', true],
  ]);
  expect(actions[0]?.claimedBytes).toBe(bytes);
  expect(withCache - process.memoryUsage.rss()).toBeGreaterThan(bytes / 2);
}, 60_000);
