/**
 * One of the processes that share a server in P13: a pool, and a load that it is told to make. Started with an IPC channel.
 */
import { arrivals, pace, seededRandom, steady } from '@fynlo/orchestrator/measurement';
import type { Pool, PoolConfig } from 'pg';
import { closedLoop } from '../load/closed_loop.ts';
import { ACCOUNTS } from './p13_accounts.ts';
import { MOMENT_MS, type Moment } from './p13_recovery.ts';

/** Which pool a process has. */
export type WorkerPool = 'fynlo' | 'pg.Pool';

/** What the round sends. */
export type WorkerOrder =
  | { readonly kind: 'open'; readonly pool: WorkerPool; readonly options: PoolConfig }
  | { readonly kind: 'measure'; readonly callers: number; readonly forMs: number }
  | {
      readonly kind: 'load';
      readonly ratePerSecond: number;
      readonly forMs: number;
      readonly seed: number;
    };

/** What it gets back, one for each order. */
export type WorkerReply =
  | { readonly kind: 'opened' }
  | { readonly kind: 'measured'; readonly perSecond: number }
  | { readonly kind: 'loaded'; readonly moments: readonly Moment[] }
  | { readonly kind: 'failed'; readonly message: string };

let pool: Pool | undefined;

/** pgbench's `-N` transaction in one round trip: an update of a row of its own, a read, an insert. */
function pay(random: () => number): Promise<unknown> {
  return opened().query('select bench_pay($1, $2)', [1 + Math.floor(random() * ACCOUNTS), 1]);
}

function opened(): Pool {
  if (pool === undefined) throw new Error('no pool was opened');
  return pool;
}

/** In the place of the one before, if there was one. */
async function open(kind: WorkerPool, options: PoolConfig): Promise<WorkerReply> {
  await pool?.end();
  if (kind === 'fynlo') {
    const { Pool } = await import('@fynlo/pool-core');
    pool = new Pool(options);
  } else {
    const { default: pg } = await import('pg');
    pool = new pg.Pool(options);
  }
  pool.on('error', () => {});
  return { kind: 'opened' };
}

async function measure(callers: number, forMs: number): Promise<WorkerReply> {
  const random = seededRandom(process.pid);
  const { completed, elapsedMs, failed, firstError } = await closedLoop({
    callers,
    warmupMs: forMs / 4,
    durationMs: forMs,
    operation: () => pay(random),
  });
  if (failed > 0) throw firstError;
  return { kind: 'measured', perSecond: (completed / elapsedMs) * 1000 };
}

/** Pays at a rate, whether or not it is answered, and answers when the time is over, not when all is paid. */
async function load(ratePerSecond: number, forMs: number, seed: number): Promise<WorkerReply> {
  const random = seededRandom(seed);
  const moments = new Map<number, { answered: number; failed: number; size: number }>();
  const now = () => {
    const at = Math.floor(Date.now() / MOMENT_MS) * MOMENT_MS;
    let moment = moments.get(at);
    if (moment === undefined) {
      moment = { answered: 0, failed: 0, size: 0 };
      moments.set(at, moment);
    }
    return moment;
  };
  const look = (): void => {
    const moment = now();
    moment.size = Math.max(moment.size, opened().totalCount);
  };
  const looking = setInterval(look, MOMENT_MS / 4);
  await pace(arrivals([steady(forMs, ratePerSecond)], random), () => {
    pay(random).then(
      () => now().answered++,
      () => now().failed++,
    );
  });
  clearInterval(looking);
  return {
    kind: 'loaded',
    moments: [...moments].map(([at, moment]) => ({ at, ...moment })),
  };
}

function obey(order: WorkerOrder): Promise<WorkerReply> {
  if (order.kind === 'open') return open(order.pool, order.options);
  if (order.kind === 'measure') return measure(order.callers, order.forMs);
  return load(order.ratePerSecond, order.forMs, order.seed);
}

process.on('message', (order: WorkerOrder) => {
  obey(order).then(
    (reply) => process.send?.(reply),
    (error: unknown) =>
      process.send?.({ kind: 'failed', message: String(error) } satisfies WorkerReply),
  );
});
// The round is gone: nobody wants this load any more.
process.once('disconnect', () => process.exit(0));
