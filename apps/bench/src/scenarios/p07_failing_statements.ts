import pg from 'pg';
import type { Scenario } from '../scenario/scenario.ts';
import { poolSubjects } from '../subjects/bench_pool.ts';
import { freeListPool } from '../subjects/free_list.ts';
import { fynloPool } from '../subjects/fynlo_pool.ts';
import { pgPool } from '../subjects/pg_pool.ts';
import { ITEMS, makeItems, SELECT_ITEM } from './items.ts';
import { loadPool } from './pool_load.ts';
import { expectNoErrors } from './put_load.ts';

/** One query in a hundred inserts a key that is there already. */
const FAILING_SHARE = 0.01;

export const failingStatements: Scenario = {
  id: 'P7',
  name: 'failing-statements',
  group: 'pool',
  question: 'What does it cost when 1 % of the statements violate a constraint?',
  target: '>= 2.3x ops, <= 0.35x p99 of pg.Pool',
  needs: ['postgres'],
  loop: 'closed, then open: the target is what 64 callers get through, and the p99 that they see meanwhile; 2,000 a second are about half of what pg.Pool gets through',
  // As P6: three seconds, as V8 compiles for two.
  params: {
    callers: 64,
    connections: 10,
    warmupMs: 3000,
    durationMs: 2500,
    openRatePerSecond: 2000,
  },
  rounds: 5,
  criteria: [
    { metric: 'opsPerSecond', subject: 'fynlo', peer: 'pg.Pool', op: '>=', bound: 2.3 },
    { metric: 'p99Ms', subject: 'fynlo', peer: 'pg.Pool', op: '<=', bound: 0.35 },
  ],
  setup: makeItems,
  // The free list beside them: what is left of a query where no connection is lost.
  subjects: poolSubjects([fynloPool, pgPool, freeListPool], async (open, context) => {
    const { databaseUrl, params } = context;
    const pool = await open({ databaseUrl, connections: params.connections });
    const outcome = await loadPool(pool, context, async (_, random) => {
      const id = 1 + Math.floor(random() * ITEMS);
      if (random() >= FAILING_SHARE) return pool.query(SELECT_ITEM, [id]);
      return pool
        .query("insert into bench_item (id, name, price) values ($1, 'again', 1)", [id])
        .catch((error: unknown) => {
          const uniqueViolation = error instanceof pg.DatabaseError && error.code === '23505';
          if (!uniqueViolation) throw error;
        });
    });
    await pool.end();
    return expectNoErrors(outcome);
  }),
};
