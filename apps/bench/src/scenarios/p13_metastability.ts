import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningPostgres, startPostgres } from '@fynlo/services/postgres';
import type { RoundContext, RoundOutcome, Scenario } from '../scenario/scenario.ts';
import { makeAccounts } from './p13_accounts.ts';
import { Fleet } from './p13_fleet.ts';
import { recoveryOf, together } from './p13_recovery.ts';
import type { WorkerPool } from './p13_worker.ts';

const PROCESSES = 3;
const SPEED = 0.05;
const SLOW_MS = 4000;
const BEFORE_MS = 2500;
const WATCH_MS = 12_000;
/** The server runs for about this long at a time while it is slow. */
const RUN_MS = 10;
/** What a caller waits for a connection before it gives up. */
const ACQUIRE_TIMEOUT_MS = 5000;

export const metastability: Scenario = {
  id: 'P13',
  name: 'metastability',
  group: 'pool',
  question:
    'Do several processes come back by themselves after the database ran at 5 % speed for four seconds?',
  target: '>= 90 % of throughput within 10 s, size <= 3x before',
  needs: [],
  takes: ['callers', 'connections', 'warmup'],
  params: { callers: 6, connections: 150, warmupMs: 1500, durationMs: BEFORE_MS + WATCH_MS },
  roundMs: ({ warmupMs }) => 2 * warmupMs + BEFORE_MS + SLOW_MS + WATCH_MS + 3500,
  rounds: 5,
  criteria: [
    { metric: 'recoveryMs', subject: 'fynlo', op: '<=', bound: 10_000 },
    { metric: 'throughputRatio', subject: 'fynlo', op: '>=', bound: 0.9 },
    { metric: 'sizeRatio', subject: 'fynlo', op: '<=', bound: 3 },
  ],
  subjects: (['fynlo', 'pg.Pool'] as const).map((name) => ({
    name,
    settings: `${PROCESSES} processes, each with a ${name === 'fynlo' ? '@fynlo/pool-core Pool' : 'pg.Pool'} of max = connections; half of the measured capacity, open loop`,
    round: (context) => round(name, context),
  })),
};

async function round(kind: WorkerPool, { params, seed }: RoundContext): Promise<RoundOutcome> {
  const most = PROCESSES * params.connections;
  await using server = await startPostgres({ external: false, maxConnections: most + 20 });
  await makeAccounts(server.url);
  const options = {
    connectionString: server.url,
    max: params.connections,
    connectionTimeoutMillis: ACQUIRE_TIMEOUT_MS,
  };
  await using fleet = await Fleet.start(PROCESSES, kind, options);
  const capacity = await fleet.capacity(params.callers, params.warmupMs);
  // Connections that twice the load has opened would stay, and pass for what half of it needs.
  await fleet.open(kind, options);

  const duePerSecond = capacity / 2;
  const loading = fleet.load(duePerSecond, BEFORE_MS + SLOW_MS + WATCH_MS, seed);
  // The first half second has the arrivals of threads that are only starting.
  const calmFrom = Date.now() + 500;
  await sleep(BEFORE_MS);
  const from = Date.now();
  const speed = await runSlowly(server, SPEED, SLOW_MS);
  const to = Date.now();
  const moments = together(await loading).filter(({ at }) => at >= calmFrom);

  const { recoveryMs, throughputRatio, sizeBefore, sizePeak, sizeAfter, failed, before } =
    recoveryOf(moments, duePerSecond, from, to);
  return {
    metrics: {
      recoveryMs,
      throughputRatio,
      sizeRatio: sizePeak / sizeBefore,
      connectionsAfter: sizeAfter,
      errors: failed,
    },
    details: {
      capacityPerSecond: capacity,
      duePerSecond,
      answersPerSecondBefore: before,
      speed,
      sizeBefore,
      sizePeak,
      sizeAfter,
    },
  };
}

/**
 * Lets the server run for a share of the time only. Stopping all its processes takes a while in which they still run, so
 * each stop lasts as long as the run before it asks for. Returns the share it really ran.
 */
async function runSlowly(server: RunningPostgres, speed: number, forMs: number): Promise<number> {
  const begun = performance.now();
  let ran = 0;
  server.freeze();
  while (performance.now() - begun < forMs) {
    const resumed = performance.now();
    server.thaw();
    await sleep(RUN_MS);
    server.freeze();
    const runMs = performance.now() - resumed;
    ran += runMs;
    await sleep(runMs * (1 / speed - 1));
  }
  server.thaw();
  return ran / (performance.now() - begun);
}
