import type { Scenario } from '../scenario/scenario.ts';
import { startDistance } from '../servers/distance.ts';
import { poolSubjects } from '../subjects/bench_pool.ts';
import { fynloLanes } from '../subjects/fynlo_pool.ts';
import { pgPool } from '../subjects/pg_pool.ts';
import { postgresJs } from '../subjects/postgres_js.ts';
import { makeItems } from './items.ts';
import { selectItems } from './select_items.ts';

export const distantLanes: Scenario = {
  id: 'P3',
  name: 'distant-lanes',
  group: 'pool',
  needs: ['postgres'],
  rounds: 5,
  setup: makeItems,
  question: 'And over a network with a round trip of 2 ms?',
  target: '>= 5.5x ops of pg.Pool; >= 1.5x of postgres.js',
  loop: 'closed, then open: the target is what 64 callers get through; 1,700 a second are about half of what pg.Pool gets through',
  // It takes V8 two seconds to compile all of what 20,000 queries a second go through; a slow subject is not held up by it.
  params: {
    callers: 64,
    connections: 10,
    warmupMs: 3000,
    durationMs: 2500,
    openRatePerSecond: 1700,
  },
  criteria: [
    { metric: 'opsPerSecond', subject: 'fynlo lanes', peer: 'pg.Pool', op: '>=', bound: 5.5 },
    { metric: 'opsPerSecond', subject: 'fynlo lanes', peer: 'postgres.js', op: '>=', bound: 1.5 },
  ],
  subjects: poolSubjects([fynloLanes, pgPool, postgresJs], async (open, context) => {
    await using distance = await startDistance(context.databaseUrl, 1);
    // Awaited here: the way is closed when this function ends.
    return await selectItems(open, { ...context, databaseUrl: distance.url(context.databaseUrl) });
  }),
};
