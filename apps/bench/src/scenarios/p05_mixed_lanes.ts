import { UNTIMED } from '../load/load.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { poolSubjects } from '../subjects/bench_pool.ts';
import { fynloLanes } from '../subjects/fynlo_pool.ts';
import { pgPool } from '../subjects/pg_pool.ts';
import { postgresJs } from '../subjects/postgres_js.ts';
import { ITEMS, makeItems, SELECT_ITEM } from './items.ts';
import { loadPool } from './pool_load.ts';
import { expectNoErrors } from './put_load.ts';

/** One query in fifty takes 50 ms. */
const SLOW_SHARE = 0.02;

export const mixedLanes: Scenario = {
  id: 'P5',
  name: 'mixed-lanes',
  group: 'pool',
  needs: ['postgres'],
  rounds: 5,
  setup: makeItems,
  question: 'What do fast queries see when 2 % of the queries take 50 ms?',
  target: 'p99 of the fast <= 0.2x of pg.Pool at >= 0.95x its rate',
  loop: 'closed, then open: the target is about 32 callers, and wants a p99 at the rate that they reach; 3,000 a second are about half of what pg.Pool gets through',
  params: {
    callers: 32,
    connections: 10,
    warmupMs: 1000,
    durationMs: 2500,
    openRatePerSecond: 3000,
  },
  criteria: [
    { metric: 'p99Ms', subject: 'fynlo lanes', peer: 'pg.Pool', op: '<=', bound: 0.2 },
    { metric: 'opsPerSecond', subject: 'fynlo lanes', peer: 'pg.Pool', op: '>=', bound: 0.95 },
  ],
  subjects: poolSubjects([fynloLanes, pgPool, postgresJs], async (open, context) => {
    const pool = await open({
      databaseUrl: context.databaseUrl,
      connections: context.params.connections,
    });
    const outcome = await loadPool(pool, context, async (_, random) => {
      if (random() >= SLOW_SHARE)
        return pool.query(SELECT_ITEM, [1 + Math.floor(random() * ITEMS)]);
      await pool.query('select pg_sleep(0.05)');
      return UNTIMED;
    });
    await pool.end();
    return expectNoErrors(outcome);
  }),
};
