import { setTimeout as sleep } from 'node:timers/promises';
import type { Scenario } from '../scenario/scenario.ts';
import { median } from '../statistics/median.ts';
import { type BenchCache, cacheSubjects, VALUE } from '../subjects/bench_cache.ts';
import { bentocacheCache } from '../subjects/bentocache_cache.ts';
import { fynloCache } from '../subjects/fynlo_cache.ts';
import { freshNamespace } from './cache_load.ts';

const KEYS = Array.from({ length: 10_000 }, (_, i) => `many:${i}`);
/** Keys that a second node holds as well: they show that the invalidation reached it. */
const WITNESSES = KEYS.filter((_, i) => i % 500 === 0);
/** How long word of an invalidation may take to the other node; both libraries are well below. */
const WORD_MS = 200;
const TIMES = 3;

export const invalidation: Scenario = {
  id: 'K5',
  name: 'invalidation',
  group: 'cache',
  question: 'How many keys a second can be invalidated, all in-process levels reached?',
  target: '>= 3x of bentocache deleteMany with its bus (the floor is 500 keys/s)',
  needs: ['redis'],
  takes: [],
  params: { callers: 1, connections: 1, warmupMs: 0, durationMs: 0 },
  roundMs: () => 4500,
  rounds: 5,
  criteria: [
    { metric: 'opsPerSecond', subject: 'fynlo', peer: 'bentocache', op: '>=', bound: 3 },
    { metric: 'opsPerSecond', subject: 'fynlo', op: '>=', bound: 500 },
  ],
  subjects: cacheSubjects([fynloCache, bentocacheCache], async (open, { redisUrl, seed }) => {
    const options = { redisUrl, local: true, namespace: freshNamespace(seed) };
    const here = await open(options);
    const there = await open(options);
    const rates: number[] = [];
    // The first time is the warm-up.
    for (let time = 0; time <= TIMES; time++) {
      await hold(here, KEYS);
      await hold(there, WITNESSES);
      const begun = performance.now();
      await here.invalidate(KEYS);
      if (time > 0) rates.push((KEYS.length / (performance.now() - begun)) * 1000);
      await sleep(WORD_MS);
      await mustBeGone(there, WITNESSES);
    }
    await Promise.all([here.close(), there.close()]);
    return { metrics: { opsPerSecond: median(rates) } };
  }),
};

async function hold(cache: BenchCache, keys: readonly string[]): Promise<void> {
  for (let i = 0; i < keys.length; i += 500) {
    await Promise.all(keys.slice(i, i + 500).map((key) => cache.getOrSet(key, async () => VALUE)));
  }
}

async function mustBeGone(cache: BenchCache, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    let loaded = false;
    await cache.getOrSet(key, async () => {
      loaded = true;
      return VALUE;
    });
    if (!loaded) throw new Error(`the other node still served ${key} after its invalidation`);
  }
}
