import type { Scenario } from '../scenario/scenario.ts';
import { asyncCacheDedupe } from '../subjects/async_cache_dedupe.ts';
import { cacheSubjects, VALUE } from '../subjects/bench_cache.ts';
import { bentocacheCache } from '../subjects/bentocache_cache.ts';
import { cacheableCache } from '../subjects/cacheable_cache.ts';
import { fynloCache } from '../subjects/fynlo_cache.ts';
import { fill, freshNamespace, keyOf } from './cache_load.ts';

/** Requests between two looks at the clock: the local path is too short to be timed one by one. */
const BATCH = 2000;

export const localHit: Scenario = {
  id: 'K1',
  name: 'local-hit',
  group: 'cache',
  question: 'What CPU does `await getOrSet` take when the value is in the process?',
  target: '<= 1/20 of bentocache and cacheable, <= 1/3 of async-cache-dedupe',
  needs: ['redis'],
  takes: ['duration', 'warmup'],
  params: { callers: 1, connections: 1, warmupMs: 300, durationMs: 1500 },
  rounds: 5,
  criteria: [
    { metric: 'cpuMicrosPerOp', subject: 'fynlo', peer: 'bentocache', op: '<=', bound: 0.05 },
    { metric: 'cpuMicrosPerOp', subject: 'fynlo', peer: 'cacheable', op: '<=', bound: 0.05 },
    {
      metric: 'cpuMicrosPerOp',
      subject: 'fynlo',
      peer: 'async-cache-dedupe',
      op: '<=',
      bound: 1 / 3,
    },
  ],
  subjects: cacheSubjects(
    [fynloCache, bentocacheCache, cacheableCache, asyncCacheDedupe],
    async (open, { redisUrl, params, seed }) => {
      const cache = await open({ redisUrl, local: true, namespace: freshNamespace(seed) });
      await fill(cache);
      const loader = async (): Promise<typeof VALUE> => VALUE;
      let sum = 0;
      const run = async (forMs: number): Promise<number> => {
        const until = performance.now() + forMs;
        let count = 0;
        while (performance.now() < until) {
          for (let i = 0; i < BATCH; i++) sum += (await cache.getOrSet(keyOf(i), loader)).n;
          count += BATCH;
          // Feeds and timers of the cache must have their turn, as in a service.
          await new Promise((resolve) => setImmediate(resolve));
        }
        return count;
      };
      const warm = await run(params.warmupMs);
      const from = process.cpuUsage();
      const begun = performance.now();
      const count = await run(params.durationMs);
      const { user, system } = process.cpuUsage(from);
      const elapsedMs = performance.now() - begun;
      if (sum !== (warm + count) * VALUE.n) throw new Error('a request got a wrong value');
      await cache.close();
      return {
        metrics: {
          opsPerSecond: (count / elapsedMs) * 1000,
          cpuMicrosPerOp: (user + system) / count,
        },
      };
    },
  ),
};
