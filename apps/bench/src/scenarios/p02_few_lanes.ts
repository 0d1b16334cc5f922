import type { Scenario } from '../scenario/scenario.ts';
import { poolSubjects } from '../subjects/bench_pool.ts';
import { fynloLanes } from '../subjects/fynlo_pool.ts';
import { pgPool } from '../subjects/pg_pool.ts';
import { postgresJs } from '../subjects/postgres_js.ts';
import { makeItems } from './items.ts';
import { selectItems } from './select_items.ts';

export const fewLanes: Scenario = {
  id: 'P2',
  name: 'few-lanes',
  group: 'pool',
  needs: ['postgres'],
  rounds: 5,
  setup: makeItems,
  question: 'Are two to four shared connections faster than ten exclusive ones?',
  target: '>= 2.6x ops of pg.Pool with 10',
  loop: 'closed, then open: the target is what 64 callers get through; 5,000 a second are about half of what pg.Pool gets through',
  params: {
    callers: 64,
    connections: 4,
    warmupMs: 1000,
    durationMs: 2500,
    openRatePerSecond: 5000,
  },
  criteria: [
    { metric: 'opsPerSecond', subject: 'fynlo lanes', peer: 'pg.Pool', op: '>=', bound: 2.6 },
  ],
  subjects: [
    ...poolSubjects([fynloLanes, postgresJs], selectItems),
    ...poolSubjects([{ ...pgPool, settings: 'pg.Pool with 10 connections' }], (open, context) =>
      selectItems(open, { ...context, params: { ...context.params, connections: 10 } }),
    ),
  ],
};
