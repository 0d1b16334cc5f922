import type { Pool } from 'pg';
import type { Scenario } from '../scenario/scenario.ts';
import { benchPoolOf } from '../subjects/pg_like.ts';
import { expectNoErrors, loadPool } from './pool_load.ts';

/** A pool as it is used with a guard, or without one. */
interface Way {
  readonly name: string;
  readonly settings: string;
  open(options: { connectionString: string; max: number }): Promise<Pool>;
}

const WAYS: readonly Way[] = [
  {
    name: 'guarded pg.Pool',
    settings: 'pg.Pool with guardPgPool() and MemoryLeakPrevention, their defaults',
    async open(options) {
      const { default: pg } = await import('pg');
      const { guardPgPool, MemoryLeakPrevention } = await import('@fynlo/leak-guard');
      const pool = new pg.Pool(options);
      new MemoryLeakPrevention().startMonitoring().attach(guardPgPool(pool));
      return pool;
    },
  },
  {
    name: 'pg.Pool',
    settings: 'pg.Pool, no guard',
    async open(options) {
      const { default: pg } = await import('pg');
      return new pg.Pool(options);
    },
  },
  {
    name: 'guarded fynlo',
    settings: '@fynlo/pool-core Pool with leases, and MemoryLeakPrevention, its defaults',
    async open(options) {
      const { Pool } = await import('@fynlo/pool-core');
      const { MemoryLeakPrevention } = await import('@fynlo/leak-guard');
      const pool = new Pool({ ...options, leases: true });
      new MemoryLeakPrevention().startMonitoring().attach(pool);
      return pool;
    },
  },
  {
    name: 'fynlo',
    settings: '@fynlo/pool-core Pool, its defaults: no leases, no guard',
    async open(options) {
      const { Pool } = await import('@fynlo/pool-core');
      return new Pool(options);
    },
  },
];

export const guardCost: Scenario = {
  id: 'G1',
  name: 'guard-cost',
  group: 'guard',
  question: 'What does the guard cost on the whole path of a checkout, `select 1` and its release?',
  target: '<= 1.03x CPU of the same pool without it',
  needs: ['postgres'],
  params: { callers: 8, connections: 4, warmupMs: 800, durationMs: 2000 },
  rounds: 5,
  criteria: [
    {
      metric: 'cpuMicrosPerOp',
      subject: 'guarded pg.Pool',
      peer: 'pg.Pool',
      op: '<=',
      bound: 1.03,
    },
    { metric: 'cpuMicrosPerOp', subject: 'guarded fynlo', peer: 'fynlo', op: '<=', bound: 1.03 },
  ],
  subjects: WAYS.map(({ name, settings, open }) => ({
    name,
    settings,
    async round(context) {
      const { databaseUrl, params } = context;
      const pool = await open({ connectionString: databaseUrl, max: params.connections });
      const outcome = await loadPool(benchPoolOf(pool), context, async () => {
        const client = await pool.connect();
        try {
          await client.query({ name: 'one', text: 'select 1' });
        } finally {
          client.release();
        }
      });
      await pool.end();
      return expectNoErrors(outcome);
    },
  })),
};
