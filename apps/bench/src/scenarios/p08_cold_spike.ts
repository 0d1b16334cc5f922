import { LatencyHistogram } from '@fynlo/orchestrator/measurement';
import type { Scenario } from '../scenario/scenario.ts';
import { poolSubjects } from '../subjects/bench_pool.ts';
import { genericPool } from '../subjects/factory_pools.ts';
import { fynloPool } from '../subjects/fynlo_pool.ts';
import { knexPool } from '../subjects/knex_pool.ts';
import { pgPool } from '../subjects/pg_pool.ts';
import { postgresJs } from '../subjects/postgres_js.ts';
import { makeItems, SELECT_ITEM } from './items.ts';
import { openedBy } from './pool_load.ts';

export const coldSpike: Scenario = {
  id: 'P8',
  name: 'cold-spike',
  group: 'pool',
  question:
    'How long does a cold pool take for 1000 checkouts at once, and how many connections does it open?',
  target: '<= 0.15x the time of pg.Pool, <= 30 connections',
  needs: ['postgres'],
  takes: ['callers', 'connections'],
  params: { callers: 1000, connections: 500, warmupMs: 0, durationMs: 0 },
  roundMs: () => 3000,
  rounds: 5,
  criteria: [
    { metric: 'totalMs', subject: 'fynlo', peer: 'pg.Pool', op: '<=', bound: 0.15 },
    { metric: 'connectionsOpened', subject: 'fynlo', op: '<=', bound: 30 },
  ],
  setup: makeItems,
  subjects: poolSubjects(
    [fynloPool, pgPool, postgresJs, knexPool, genericPool],
    async (open, { databaseUrl, params }) => {
      const pool = await open({ databaseUrl, connections: params.connections });
      const latency = new LatencyHistogram();
      const begun = performance.now();
      await Promise.all(
        Array.from({ length: params.callers }, async (_, i) => {
          await pool.withConnection((query) => query(SELECT_ITEM, [1 + i]));
          latency.record(performance.now() - begun);
        }),
      );
      const totalMs = performance.now() - begun;
      const opened = openedBy(pool);
      await pool.end();
      return {
        metrics: {
          totalMs,
          p50Ms: latency.percentile(50),
          p99Ms: latency.percentile(99),
          ...opened,
          errors: 0,
        },
        histogram: latency.buckets(),
      };
    },
  ),
};
