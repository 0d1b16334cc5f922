import type { CachePerformanceEnhancer } from '@fynlo/cache-enhancer';
import type { InvalidationResult } from './cache_result.ts';
import type { RunContext } from './run_context.ts';

/**
 * Fills two caches (as two processes would have them) with the same keys, changes the truth, invalidates through the
 * first, and asks both at once what they give out now.
 */
export async function runInvalidation(
  context: RunContext,
  here: CachePerformanceEnhancer,
  elsewhere: CachePerformanceEnhancer,
): Promise<InvalidationResult> {
  const { invalidations, invalidationBatch } = context.profile.cache;
  const keys = Array.from({ length: invalidations }, (_, i) => `version:${i}`);
  let version = 1;
  const read = (cache: CachePerformanceEnhancer, batch: readonly string[]): Promise<number[]> =>
    Promise.all(batch.map(async (key) => await cache.getOrSet(key, async () => version)));
  for (const batch of batches(keys, invalidationBatch)) {
    context.signal.throwIfAborted();
    await read(here, batch);
    await read(elsewhere, batch);
  }
  version = 2;
  const startedAt = performance.now();
  for (const batch of batches(keys, invalidationBatch)) {
    context.signal.throwIfAborted();
    await here.invalidate({ keys: batch });
  }
  const tookMs = performance.now() - startedAt;
  // Both begin to read in the same turn of the event loop, without a pause that would let news arrive first.
  const last = keys.slice(-invalidationBatch);
  const [lastHere, lastElsewhere] = await Promise.all([read(here, last), read(elsewhere, last)]);
  const stale = (versions: readonly number[]): number => versions.filter((v) => v !== 2).length;
  let staleHere = stale(lastHere);
  let staleElsewhere = stale(lastElsewhere);
  for (const batch of batches(keys.slice(0, -invalidationBatch), invalidationBatch)) {
    context.signal.throwIfAborted();
    staleHere += stale(await read(here, batch));
    staleElsewhere += stale(await read(elsewhere, batch));
  }
  return {
    keys: invalidations,
    batchKeys: invalidationBatch,
    tookMs,
    keysPerSecond: (1000 * invalidations) / tookMs,
    staleHere,
    staleElsewhere,
  };
}

function* batches(keys: readonly string[], size: number): Generator<string[]> {
  for (let from = 0; from < keys.length; from += size) yield keys.slice(from, from + size);
}
