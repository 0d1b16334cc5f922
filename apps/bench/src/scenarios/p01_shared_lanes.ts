import type { Scenario } from '../scenario/scenario.ts';
import { poolSubjects } from '../subjects/bench_pool.ts';
import { fynloLanes } from '../subjects/fynlo_pool.ts';
import { pgPool } from '../subjects/pg_pool.ts';
import { postgresJs } from '../subjects/postgres_js.ts';
import { makeItems } from './items.ts';
import { selectItems } from './select_items.ts';

export const sharedLanes: Scenario = {
  id: 'P1',
  name: 'shared-lanes',
  group: 'pool',
  needs: ['postgres'],
  rounds: 5,
  setup: makeItems,
  question: 'How much faster are one-shot queries that share 10 connections?',
  target: '>= 2.0x ops, <= 0.6x client CPU of pg.Pool',
  loop: 'closed, then open: the target is what 64 callers get through; 5,000 a second are about half of what pg.Pool gets through',
  params: {
    callers: 64,
    connections: 10,
    warmupMs: 1000,
    durationMs: 2500,
    openRatePerSecond: 5000,
  },
  criteria: [
    { metric: 'opsPerSecond', subject: 'fynlo lanes', peer: 'pg.Pool', op: '>=', bound: 2 },
    { metric: 'cpuMicrosPerOp', subject: 'fynlo lanes', peer: 'pg.Pool', op: '<=', bound: 0.6 },
  ],
  subjects: poolSubjects([fynloLanes, pgPool, postgresJs], selectItems),
};
