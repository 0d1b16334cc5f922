import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf } from './error_causes.ts';
import { atMost, exactly, type Fault } from './fault.ts';
import type { FaultCase } from './fault_case.ts';
import type { TrackedPool } from './tracked_pool.ts';

const WARM = 5;
/** The median of so many: the bound is twice the least there can be, and one spike is a few hundredths of a second. */
const SPIKES = 5;

/** Each way: the login of SCRAM-SHA-256 goes four times to the server and back, so a connect takes about 150 ms. */
const DELAY_MS = 19;

export const spike: Fault = {
  id: 'F42',
  name: 'spike',
  happens:
    '50 callers of 2 ms each at once, 5 connections are warm, a connect takes 150 ms (HikariCP’s spike)',
  must: 'use the warm ones again and again rather than open 45 more',
  criteria: [
    atMost('totalMs', 40, 'ms', 'last of 50 answered after (median of 5)'),
    atMost('connects', 7 - WARM, '', 'further connects begun'),
  ],
  async run(bench) {
    const spikes: Spike[] = [];
    for (let i = 0; i < SPIKES; i++) spikes.push(await oneSpike(bench));
    const times = spikes.map(({ totalMs }) => totalMs).sort((a, b) => a - b);
    return {
      totalMs: times[SPIKES >> 1] as number,
      connects: Math.max(...spikes.map(({ connects }) => connects)),
    };
  },
};

interface Spike {
  readonly totalMs: number;
  readonly connects: number;
}

/** On a new pool. */
async function oneSpike(bench: FaultCase): Promise<Spike> {
  const { proxy, url } = await bench.proxy(await bench.database());
  const pool = await bench.open({ databaseUrl: url, max: 50, acquireTimeoutMs: 10_000 });
  // Opening one always takes that long here; using one that is open does not.
  proxy.set('delay', { delayMs: DELAY_MS });
  await hold(pool, WARM, 100);
  proxy.set('pass', { existing: true, fresh: false });
  // A pool learns what a statement costs from the ones before, and its code is compiled by then; every service has had some.
  for (let i = 0; i < 200; i++) await pool.using(({ query }) => query('select pg_sleep(0.002)'));
  const from = performance.now();
  await Promise.all(
    Array.from({ length: 50 }, () => pool.using(({ query }) => query('select pg_sleep(0.002)'))),
  );
  const totalMs = performance.now() - from;
  // Connects that nobody waited for in the end still count.
  await sleep(500);
  await pool.end();
  return { totalMs, connects: bench.sockets.attempts(proxy.port, from) };
}

export const slowBurst: Fault = {
  id: 'F43',
  name: 'slow-burst',
  happens:
    '20 callers at once on a cold pool, a connect takes 1 s, they have 15 s (brianc/node-postgres#1896)',
  must: 'serve every one',
  criteria: [
    exactly('errors', 0, 'callers told an error'),
    atMost('totalMs', 15_000, 'ms', 'last served after'),
  ],
  async run(bench) {
    const { proxy, url } = await bench.proxy(await bench.database());
    proxy.set('delay', { delayMs: 125 });
    const pool = await bench.open({ databaseUrl: url, max: 10, acquireTimeoutMs: 15_000 });
    const from = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => answerOf(pool.query('select 1'))),
    );
    return {
      errors: answers.filter(({ error }) => error !== undefined).length,
      totalMs: performance.now() - from,
    };
  },
};

/** Opens connections by needing them at once. */
async function hold(pool: TrackedPool, count: number, ms: number): Promise<void> {
  const clients = await Promise.all(Array.from({ length: count }, () => pool.acquire()));
  await sleep(ms);
  for (const client of clients) await client.release();
}
