import type { RoundContext, RoundOutcome } from '../scenario/scenario.ts';
import type { PoolKind } from '../subjects/bench_pool.ts';
import { ITEMS, SELECT_ITEM } from './items.ts';
import { loadPool } from './pool_load.ts';
import { expectNoErrors } from './put_load.ts';

/** One round of one-shot selects by primary key: the pool is opened, loaded and closed. */
export async function selectItems(
  open: PoolKind['open'],
  context: RoundContext,
): Promise<RoundOutcome> {
  const { databaseUrl, params } = context;
  const pool = await open({ databaseUrl, connections: params.connections });
  const outcome = await loadPool(pool, context, (_, random) =>
    pool.query(SELECT_ITEM, [1 + Math.floor(random() * ITEMS)]),
  );
  await pool.end();
  return expectNoErrors(outcome);
}
