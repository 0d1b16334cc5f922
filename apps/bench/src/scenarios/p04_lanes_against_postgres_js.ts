import type { Scenario } from '../scenario/scenario.ts';
import { poolSubjects } from '../subjects/bench_pool.ts';
import { fynloLanes } from '../subjects/fynlo_pool.ts';
import { pgPool } from '../subjects/pg_pool.ts';
import { postgresJs } from '../subjects/postgres_js.ts';
import { makeItems } from './items.ts';
import { selectItems } from './select_items.ts';

export const lanesAgainstPostgresJs: Scenario = {
  id: 'P4',
  name: 'lanes-against-postgres-js',
  group: 'pool',
  needs: ['postgres'],
  rounds: 5,
  setup: makeItems,
  question: 'How do shared lanes compare with the pipelining of postgres.js?',
  target: '>= 1.6x ops, <= 0.5x CPU of postgres.js',
  loop: 'closed, then open: the target is what 64 callers get through; 7,000 a second are about half of what postgres.js gets through',
  params: {
    callers: 64,
    connections: 10,
    warmupMs: 1000,
    durationMs: 2500,
    openRatePerSecond: 7000,
  },
  criteria: [
    { metric: 'opsPerSecond', subject: 'fynlo lanes', peer: 'postgres.js', op: '>=', bound: 1.6 },
    { metric: 'cpuMicrosPerOp', subject: 'fynlo lanes', peer: 'postgres.js', op: '<=', bound: 0.5 },
  ],
  subjects: poolSubjects([fynloLanes, postgresJs, pgPool], selectItems),
};
