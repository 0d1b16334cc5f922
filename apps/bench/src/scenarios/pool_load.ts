import type { RoundContext, RoundOutcome } from '../scenario/scenario.ts';
import type { BenchPool } from '../subjects/bench_pool.ts';
import { putLoad } from './put_load.ts';

/** Puts the round's load on a pool. */
export async function loadPool(
  pool: BenchPool,
  context: RoundContext,
  operation: (i: number, random: () => number, from: number) => Promise<unknown>,
): Promise<RoundOutcome> {
  const { metrics, result } = await putLoad(context, operation);
  const { response, firstError } = result;
  return {
    metrics: { ...metrics, ...pool.split?.(), ...openedBy(pool) },
    histogram: response.buckets(),
    ...(firstError === undefined ? {} : { details: { firstError: String(firstError) } }),
  };
}

/** A load that must not fail: the first error is the round's failure, with its cause. */
export function expectNoErrors(outcome: RoundOutcome): RoundOutcome {
  if (outcome.metrics.errors) {
    throw new Error(
      `${outcome.metrics.errors} operations failed, the first: ${outcome.details?.['firstError']}`,
    );
  }
  return outcome;
}

/** The count of connects as a metric, where the library tells it. */
export function openedBy(pool: BenchPool): { connectionsOpened?: number } {
  const opened = pool.opened();
  return opened === undefined ? {} : { connectionsOpened: opened };
}
