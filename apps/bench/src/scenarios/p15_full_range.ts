import { setTimeout as sleep } from 'node:timers/promises';
import type { ScalingEvent } from '@fynlo/pool-core/contract';
import pg from 'pg';
import { withApplicationName } from '../measure/server_counts.ts';
import type { Scenario } from '../scenario/scenario.ts';

const HOLDERS = 500;
const HOLD_MS = 8000;
const MINIMUM = 10;
/**
 * Shortened, so that a round of a minute shows the way back: by default connections are idle for five minutes first, and a
 * minute passes after growth. How fast it then goes is the default: a tenth a second.
 */
const IDLE_TIMEOUT_MS = 2000;
const SHRINK = { shrinkAfterGrowthMs: 5000, shrinkWindowTicks: 5 };
const WATCH_SHRINK_MS = 60_000;

export const fullRange: Scenario = {
  id: 'P15',
  name: 'full-range',
  group: 'pool',
  question:
    'Does the pool reach 500 real connections when 500 callers hold one, and come back to 10?',
  target: '500 server-side in <= 5 s when demanded, no flapping, back after the load',
  needs: ['postgres'],
  takes: ['callers', 'connections'],
  params: {
    callers: HOLDERS,
    connections: HOLDERS,
    warmupMs: 0,
    durationMs: HOLD_MS + WATCH_SHRINK_MS,
  },
  // Ours goes back a tenth a second, pg.Pool at once.
  roundMs: (_, subject) => HOLD_MS + (subject === 'fynlo' ? 49_000 : 6000),
  rounds: 5,
  criteria: [
    { metric: 'totalMs', subject: 'fynlo', op: '<=', bound: 5000 },
    { metric: 'serverConnectionsPeak', subject: 'fynlo', op: '>=', bound: HOLDERS },
    { metric: 'directionChanges', subject: 'fynlo', op: '<=', bound: 1 },
    { metric: 'connectionsAfter', subject: 'fynlo', op: '<=', bound: MINIMUM },
  ],
  subjects: [
    {
      name: 'fynlo',
      settings: `Pool 10..500, idleTimeoutMs ${IDLE_TIMEOUT_MS}, shrinkAfterGrowthMs ${SHRINK.shrinkAfterGrowthMs}, shrinkWindowTicks ${SHRINK.shrinkWindowTicks}`,
      async round({ databaseUrl, params }) {
        const { Pool } = await import('@fynlo/pool-core');
        const pool = new Pool({
          connectionString: databaseUrl,
          minConnections: MINIMUM,
          maxConnections: params.connections,
          idleTimeoutMs: IDLE_TIMEOUT_MS,
          tuning: SHRINK,
        });
        await pool.warm(MINIMUM);
        const begun = performance.now();
        let reachedMs = Number.NaN;
        let holding = 0;
        await Promise.all(
          Array.from({ length: params.callers }, async () => {
            await using lease = await pool.getConnection();
            await lease.connection.query('begin');
            if (++holding === params.callers) reachedMs = performance.now() - begun;
            await sleep(HOLD_MS);
            await lease.connection.query('commit');
          }),
        );
        const back = await wayBack(databaseUrl);
        const events = pool.manager.scalingEvents();
        await pool.end();
        return {
          metrics: {
            totalMs: Number.isNaN(reachedMs) ? HOLD_MS : reachedMs,
            ...back,
            directionChanges: directionChanges(events),
          },
          details: { events: events.length, openedBecause: growthByReason(events) },
        };
      },
    },
    {
      // Beside it, not judged: pg-pool closes what is idle at once after the timeout, and tells no directions.
      name: 'pg.Pool',
      settings: `pg.Pool 10..500, idleTimeoutMillis ${IDLE_TIMEOUT_MS}`,
      async round({ databaseUrl, params }) {
        const pool = new pg.Pool({
          connectionString: databaseUrl,
          min: MINIMUM,
          max: params.connections,
          idleTimeoutMillis: IDLE_TIMEOUT_MS,
        });
        pool.on('error', () => {});
        const begun = performance.now();
        let reachedMs = HOLD_MS;
        let holding = 0;
        await Promise.all(
          Array.from({ length: params.callers }, async () => {
            const client = await pool.connect();
            await client.query('begin');
            if (++holding === params.callers) reachedMs = performance.now() - begun;
            await sleep(HOLD_MS);
            await client.query('commit');
            client.release();
          }),
        );
        const back = await wayBack(databaseUrl);
        await pool.end();
        return { metrics: { totalMs: reachedMs, ...back } };
      },
    },
  ],
};

/** From the end of the load until the server has no more than the minimum, as it counts its backends itself. */
async function wayBack(
  databaseUrl: string,
): Promise<{ connectionsAfter: number; shrinkMs: number }> {
  const name = new URL(databaseUrl).searchParams.get('application_name');
  await using client = await connected(withApplicationName(databaseUrl, `${name} watch`));
  const loadOver = performance.now();
  for (;;) {
    const { rows } = await client.query<{ count: number }>(
      'select count(*)::int from pg_stat_activity where application_name = $1',
      [name],
    );
    const connectionsAfter = rows[0]?.count ?? Number.NaN;
    const shrinkMs = performance.now() - loadOver;
    if (connectionsAfter <= MINIMUM || shrinkMs > WATCH_SHRINK_MS) {
      return { connectionsAfter, shrinkMs };
    }
    await sleep(100);
  }
}

async function connected(connectionString: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

/** Connections by the reason they were opened for: nearly all, that somebody waited. */
function growthByReason(events: readonly ScalingEvent[]): Record<string, number> {
  const opened: Record<string, number> = {};
  for (const { from, to, reason } of events.filter(isOfSize)) {
    if (to > from) opened[reason] = (opened[reason] ?? 0) + to - from;
  }
  return opened;
}

function isOfSize({ reason }: ScalingEvent): boolean {
  return !/^(ceiling|server|event)-/.test(reason);
}

/** Of the size, not of what the pool allows itself. Up to down counts one, and down to up again two: one is the way there and back. */
function directionChanges(events: readonly ScalingEvent[]): number {
  const directions = events
    .filter(isOfSize)
    .map(({ from, to }) => Math.sign(to - from))
    .filter((sign) => sign !== 0);
  return directions.filter((sign, i) => i > 0 && sign !== directions[i - 1]).length;
}
