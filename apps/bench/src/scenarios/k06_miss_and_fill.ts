import type { Scenario } from '../scenario/scenario.ts';
import { cacheSubjects, VALUE } from '../subjects/bench_cache.ts';
import { bentocacheCache } from '../subjects/bentocache_cache.ts';
import { cacheableCache } from '../subjects/cacheable_cache.ts';
import { fynloCache } from '../subjects/fynlo_cache.ts';
import { freshNamespace, loadCache } from './cache_load.ts';

export const missAndFill: Scenario = {
  id: 'K6',
  name: 'miss-and-fill',
  group: 'cache',
  question: 'How fast are misses that run a loader and fill both levels?',
  target: '>= 1.5x ops of bentocache',
  needs: ['redis'],
  takes: ['callers', 'duration', 'warmup', 'rate'],
  loop: 'closed, then open: the target is what 64 requests in flight get through; 4,500 a second are about half of what bentocache gets through',
  params: { callers: 64, connections: 1, warmupMs: 500, durationMs: 2000, openRatePerSecond: 4500 },
  rounds: 5,
  criteria: [
    { metric: 'opsPerSecond', subject: 'fynlo', peer: 'bentocache', op: '>=', bound: 1.5 },
  ],
  subjects: cacheSubjects([fynloCache, bentocacheCache, cacheableCache], async (open, context) => {
    const { redisUrl, seed } = context;
    const cache = await open({ redisUrl, local: true, namespace: freshNamespace(seed) });
    let loads = 0;
    const miss = (i: number): unknown =>
      cache.getOrSet(`miss:${i}`, async () => {
        loads++;
        return VALUE;
      });
    const outcome = await loadCache(context, miss, [{ stop: () => ({ loads }) }]);
    await cache.close();
    return outcome;
  }),
};
