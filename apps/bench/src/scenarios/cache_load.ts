import type { RoundContext, RoundOutcome } from '../scenario/scenario.ts';
import { type BenchCache, VALUE } from '../subjects/bench_cache.ts';
import { expectNoErrors, putLoad, type Watch } from './put_load.ts';

/** Keys that the read scenarios use. */
const KEYS = 2000;

/** Made anew for each request, as application code does: hashing the string is part of the price. */
export function keyOf(i: number): string {
  return `item:${i % KEYS}`;
}

/** Fills the keys through the cache's own loader, so that each library writes its own form. */
export async function fill(cache: BenchCache): Promise<void> {
  for (let i = 0; i < KEYS; i += 100) {
    await Promise.all(
      Array.from({ length: 100 }, (_, j) => cache.getOrSet(keyOf(i + j), async () => VALUE)),
    );
  }
}

/** Puts the round's load on a cache; a wrong or missing value is an error, and an error is the round's failure. */
export async function loadCache(
  context: RoundContext,
  operation: (i: number) => unknown,
  watches: readonly Watch[] = [],
): Promise<RoundOutcome> {
  const get = async (i: number): Promise<void> => {
    const value = (await operation(i)) as typeof VALUE | undefined;
    if (value?.n !== VALUE.n)
      throw new Error(`expected the value back, got ${JSON.stringify(value)}`);
  };
  return expectNoErrors(await putLoad(context, get, watches));
}

/** A namespace of this round's own, so that no round finds what another left. */
export function freshNamespace(seed: number): string {
  return `bench-${process.pid}-${seed}`;
}
