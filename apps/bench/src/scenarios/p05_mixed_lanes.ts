import { LatencyHistogram } from '@fynlo/orchestrator/measurement';
import type { Scenario } from '../scenario/scenario.ts';
import { poolSubjects } from '../subjects/bench_pool.ts';
import { fynloLanes } from '../subjects/fynlo_pool.ts';
import { pgPool } from '../subjects/pg_pool.ts';
import { postgresJs } from '../subjects/postgres_js.ts';
import { ITEMS, makeItems, SELECT_ITEM } from './items.ts';
import { expectNoErrors, loadPool } from './pool_load.ts';

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
  loop: 'closed: the target is about 32 callers, and wants a p99 at the rate that they reach; a rate that is given would answer that half by itself',
  params: { callers: 32, connections: 10, warmupMs: 1000, durationMs: 2500 },
  criteria: [
    { metric: 'p99Ms', subject: 'fynlo lanes', peer: 'pg.Pool', op: '<=', bound: 0.2 },
    { metric: 'opsPerSecond', subject: 'fynlo lanes', peer: 'pg.Pool', op: '>=', bound: 0.95 },
  ],
  subjects: poolSubjects([fynloLanes, pgPool, postgresJs], async (open, context) => {
    const pool = await open({
      databaseUrl: context.databaseUrl,
      connections: context.params.connections,
    });
    const fast = new LatencyHistogram();
    const measureFrom = performance.now() + context.params.warmupMs;
    const outcome = await loadPool(pool, context, async (_, random, from) => {
      if (random() < SLOW_SHARE) return pool.query('select pg_sleep(0.05)');
      const rows = await pool.query(SELECT_ITEM, [1 + Math.floor(random() * ITEMS)]);
      if (from >= measureFrom) fast.record(performance.now() - from);
      return rows;
    });
    await pool.end();
    return {
      ...expectNoErrors(outcome),
      metrics: { ...outcome.metrics, p50Ms: fast.percentile(50), p99Ms: fast.percentile(99) },
      histogram: fast.buckets(),
    };
  }),
};
