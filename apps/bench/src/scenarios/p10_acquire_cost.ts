import type { Pool } from 'pg';
import type { Scenario } from '../scenario/scenario.ts';
import { stubFreeList } from '../subjects/free_list.ts';
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
  takes: ['callers', 'connections', 'duration', 'warmup'],
  params: { callers: 64, connections: CONNECTIONS, warmupMs: 500, durationMs: 2000 },
  roundMs: ({ warmupMs, durationMs }) => 2 * (warmupMs + durationMs),
  rounds: 5,
  criteria: [
    { metric: 'cpuMicrosPerOp', subject: 'fynlo', peer: 'pg.Pool', op: '<=', bound: 0.2 },
    { metric: 'cpuMicrosPerQueuedOp', subject: 'fynlo', peer: 'pg.Pool', op: '<=', bound: 0.1 },
  ],
  // The free list beside them: how much of the way to the bounds a pool can go at all.
  subjects: [stubFynloPool, stubPgPool, stubFreeList].map(({ name, settings, open }) => ({
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

/** Cycles between two looks at the clock. */
const BATCH = 20_000;

async function cycles(
  pool: Pool,
  callers: number,
  warmupMs: number,
  durationMs: number,
): Promise<{ opsPerSecond: number; cpuMicrosPerOp: number }> {
  await cyclesFor(pool, callers, warmupMs);
  const cpuFrom = process.cpuUsage();
  const begun = performance.now();
  const done = await cyclesFor(pool, callers, durationMs);
  const { user, system } = process.cpuUsage(cpuFrom);
  const elapsedMs = performance.now() - begun;
  return { opsPerSecond: (done / elapsedMs) * 1000, cpuMicrosPerOp: (user + system) / done };
}

/** Batches until the time is over. A pool that answers on the next tick would never let a timer through by itself. */
async function cyclesFor(pool: Pool, callers: number, forMs: number): Promise<number> {
  const until = performance.now() + forMs;
  let done = 0;
  do {
    await batch(pool, callers);
    done += BATCH;
    await new Promise((resolve) => setImmediate(resolve));
  } while (performance.now() < until);
  return done;
}

/**
 * `callers` chains that acquire, and release when they are called back, through the callback form: no promise of the
 * caller's own is in the number.
 */
function batch(pool: Pool, callers: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let started = 0;
    let ended = 0;
    const step = (): void => {
      if (started === BATCH) return;
      started++;
      pool.connect((error, _client, release) => {
        if (error) return reject(error);
        // Not within the callback: pg-pool calls the next one from inside the release, 20,000 deep.
        queueMicrotask(() => {
          release();
          if (++ended === BATCH) resolve();
          else step();
        });
      });
    };
    for (let i = 0; i < callers; i++) step();
  });
}
