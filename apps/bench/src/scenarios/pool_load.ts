import type { RoundContext, RoundOutcome } from '../scenario/scenario.ts';
import type { BenchPool } from '../subjects/bench_pool.ts';
import { type Operation, putLoad, type Watch } from './put_load.ts';

/** Puts the round's load on a pool. */
export function loadPool(
  pool: BenchPool,
  context: RoundContext,
  operation: Operation,
  watches: readonly Watch[] = [],
): Promise<RoundOutcome> {
  const own = { stop: () => ({ ...pool.split?.(), ...openedBy(pool) }) };
  return putLoad(context, operation, [own, ...watches]);
}

/** The count of connects as a metric, where the library tells it. */
export function openedBy(pool: BenchPool): { connectionsOpened?: number } {
  const opened = pool.opened();
  return opened === undefined ? {} : { connectionsOpened: opened };
}
