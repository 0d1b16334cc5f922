import type { Scenario } from '../scenario/scenario.ts';
import { poolSubjects } from '../subjects/bench_pool.ts';
import { genericPool, lightningPool } from '../subjects/factory_pools.ts';
import { fynloPool } from '../subjects/fynlo_pool.ts';
import { knexPool } from '../subjects/knex_pool.ts';
import { pgPool } from '../subjects/pg_pool.ts';
import { postgresJs } from '../subjects/postgres_js.ts';
import { makeItems } from './items.ts';
import { selectItems } from './select_items.ts';

export const exclusiveQuery: Scenario = {
  id: 'P6',
  name: 'exclusive-query',
  group: 'pool',
  question:
    'Is pool.query at least as fast as pg.Pool when every query has a connection of its own?',
  target: '>= 1.05x ops of pg.Pool, p99 no worse (nor at 4,500/s)',
  needs: ['postgres'],
  loop: 'closed, then open: the target is what 64 callers get through, and the p99 that they see meanwhile; 4,500 a second are about half of what pg.Pool gets through',
  // After one second V8 is still compiling what the queries go through; a ratio near 1 wants both at their pace.
  params: {
    callers: 64,
    connections: 10,
    warmupMs: 3000,
    durationMs: 2500,
    openRatePerSecond: 4500,
  },
  rounds: 7,
  criteria: [
    { metric: 'opsPerSecond', subject: 'fynlo', peer: 'pg.Pool', op: '>=', bound: 1.05 },
    { metric: 'p99Ms', subject: 'fynlo', peer: 'pg.Pool', op: '<=', bound: 1 },
    { metric: 'openP99Ms', subject: 'fynlo', peer: 'pg.Pool', op: '<=', bound: 1 },
  ],
  setup: makeItems,
  subjects: poolSubjects(
    [fynloPool, pgPool, postgresJs, knexPool, genericPool, lightningPool],
    selectItems,
  ),
};
