import type { Pool } from 'pg';
import { closedLoop } from '../load/closed_loop.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { median } from '../statistics/median.ts';

/** The same pool without a guard, and with one. */
interface Pair {
  readonly name: string;
  readonly settings: string;
  open(options: { connectionString: string; max: number }): Promise<{ plain: Pool; guarded: Pool }>;
}

const PAIRS: readonly Pair[] = [
  {
    name: 'guarded pg.Pool',
    settings: 'guardPgPool() and MemoryLeakPrevention, their defaults; over pg.Pool without',
    async open(options) {
      const { default: pg } = await import('pg');
      const { guardPgPool, MemoryLeakPrevention } = await import('@fynlo/leak-guard');
      const guarded = new pg.Pool(options);
      new MemoryLeakPrevention().startMonitoring().attach(guardPgPool(guarded));
      return { plain: new pg.Pool(options), guarded };
    },
  },
  {
    name: 'guarded fynlo',
    settings:
      '@fynlo/pool-core Pool with leases and MemoryLeakPrevention; over Pool at its defaults',
    async open(options) {
      const { Pool } = await import('@fynlo/pool-core');
      const { MemoryLeakPrevention } = await import('@fynlo/leak-guard');
      const guarded = new Pool({ ...options, leases: true });
      new MemoryLeakPrevention().startMonitoring().attach(guarded);
      return { plain: new Pool(options), guarded };
    },
  },
];

/** Short, so that what else the machine does falls on both alike. */
const SLICE_MS = 150;

export const guardCost: Scenario = {
  id: 'G1',
  name: 'guard-cost',
  group: 'guard',
  question: 'What does the guard cost on the whole path of a checkout, `select 1` and its release?',
  target: '<= 1.03x CPU of the same pool without it',
  needs: ['postgres'],
  takes: ['callers', 'connections', 'duration', 'warmup'],
  params: { callers: 8, connections: 4, warmupMs: 800, durationMs: 4500 },
  rounds: 5,
  criteria: PAIRS.map(({ name }) => ({
    metric: 'cpuRatio',
    subject: name,
    op: '<=',
    bound: 1.03,
  })),
  subjects: PAIRS.map(({ name, settings, open }) => ({
    name,
    settings: `${settings}, in turns of ${SLICE_MS} ms in one process`,
    async round({ databaseUrl, params }) {
      const pools = await open({ connectionString: databaseUrl, max: params.connections });
      const slice = (pool: Pool, forMs: number) => microsPerCheckout(pool, params.callers, forMs);
      for (const pool of Object.values(pools)) await slice(pool, params.warmupMs);
      const plain: number[] = [];
      const guarded: number[] = [];
      const turns = Math.max(5, Math.round(params.durationMs / (2 * SLICE_MS)));
      for (let turn = 0; turn < turns; turn++) {
        // What comes second in one turn comes first in the next: a machine that slows down favours neither.
        if (turn % 2 === 0) plain.push(await slice(pools.plain, SLICE_MS));
        guarded.push(await slice(pools.guarded, SLICE_MS));
        if (turn % 2 === 1) plain.push(await slice(pools.plain, SLICE_MS));
      }
      await Promise.all(Object.values(pools).map((pool) => pool.end()));
      return {
        metrics: {
          cpuRatio: median(guarded.map((micros, i) => micros / (plain[i] ?? Number.NaN))),
          cpuMicrosPerOp: median(guarded),
        },
        details: { plainMicrosPerOp: median(plain), turns },
      };
    },
  })),
};

async function microsPerCheckout(pool: Pool, callers: number, durationMs: number): Promise<number> {
  const from = process.cpuUsage();
  const { completed, failed, firstError } = await closedLoop({
    callers,
    warmupMs: 0,
    durationMs,
    operation: async () => {
      const client = await pool.connect();
      try {
        await client.query({ name: 'one', text: 'select 1' });
      } finally {
        client.release();
      }
    },
  });
  if (failed > 0) throw firstError;
  const { user, system } = process.cpuUsage(from);
  return (user + system) / completed;
}
