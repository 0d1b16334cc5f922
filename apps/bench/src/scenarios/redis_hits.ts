import type { RoundContext, RoundOutcome } from '../scenario/scenario.ts';
import type { CacheKind } from '../subjects/bench_cache.ts';
import { fill, freshNamespace, keyOf, loadCache } from './cache_load.ts';

/** One round of reads that Redis answers: the in-process level is off. */
export async function redisHits(
  open: CacheKind['open'],
  context: RoundContext,
): Promise<RoundOutcome> {
  const { redisUrl, seed } = context;
  const cache = await open({ redisUrl, local: false, namespace: freshNamespace(seed) });
  await fill(cache);
  const outcome = await loadCache(context, (i) => cache.get(keyOf(i)));
  await cache.close();
  return outcome;
}
