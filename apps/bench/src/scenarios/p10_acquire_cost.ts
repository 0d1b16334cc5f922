import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Scenario } from '../scenario/scenario.ts';
import { stubFynloPool, stubPgPool } from '../subjects/stub_pools.ts';

const QUEUED = 10_000;
const CONNECTIONS = 10;

export const acquireCost: Scenario = {
  id: 'P10',
  name: 'acquire-cost',
  group: 'pool',
  question: "What does the pool's own bookkeeping cost for an acquire and its release?",
  target: '<= 0.2x CPU of pg.Pool with 64 callers, <= 0.1x with 10,000 queued',
  needs: [],
  params: { callers: 64, connections: CONNECTIONS, warmupMs: 500, durationMs: 2000 },
  rounds: 5,
  criteria: [
    { metric: 'cpuMicrosPerOp', subject: 'fynlo', peer: 'pg.Pool', op: '<=', bound: 0.2 },
    { metric: 'cpuMicrosPerQueuedOp', subject: 'fynlo', peer: 'pg.Pool', op: '<=', bound: 0.1 },
  ],
  subjects: [stubFynloPool, stubPgPool].map(({ name, settings, open }) => ({
    name,
    settings,
    async round({ params }) {
      const { pool } = await open(
        { connectMs: 0, queryMs: 0 },
        { min: 0, max: params.connections },
      );
      const few = await cycles(pool, params.callers, params.warmupMs, params.durationMs);
      const many = await cycles(pool, QUEUED, params.warmupMs, params.durationMs);
      await pool.end();
      return {
        metrics: {
          opsPerSecond: few.opsPerSecond,
          cpuMicrosPerOp: few.cpuMicrosPerOp,
          cpuMicrosPerQueuedOp: many.cpuMicrosPerOp,
        },
      };
    },
  })),
};

/**
 * `callers` chains that acquire, and release when they are called back, through the callback form: no promise of the
 * caller's own is in the number.
 */
async function cycles(
  pool: Pool,
  callers: number,
  warmupMs: number,
  durationMs: number,
): Promise<{ opsPerSecond: number; cpuMicrosPerOp: number }> {
  let count = 0;
  let stopping = false;
  const chain = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const step = (): void => {
        pool.connect((error, _client, release) => {
          if (error !== undefined && error !== null) return reject(error);
          count++;
          release();
          if (stopping) resolve();
          else step();
        });
      };
      step();
    });
  const chains = Array.from({ length: callers }, chain);
  await sleep(warmupMs);
  const from = { count, cpu: process.cpuUsage(), at: performance.now() };
  await sleep(durationMs);
  const { user, system } = process.cpuUsage(from.cpu);
  const done = count - from.count;
  const elapsedMs = performance.now() - from.at;
  stopping = true;
  await Promise.all(chains);
  if (done === 0) throw new Error('no acquire was answered');
  return { opsPerSecond: (done / elapsedMs) * 1000, cpuMicrosPerOp: (user + system) / done };
}
