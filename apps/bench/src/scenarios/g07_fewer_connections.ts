import pg from 'pg';
import type { Scenario } from '../scenario/scenario.ts';
import { benchPoolOf } from '../subjects/pg_like.ts';
import { loadPool } from './pool_load.ts';
import { expectNoErrors, type Watch } from './put_load.ts';

const ROWS = 200_000;
/** A few milliseconds of server CPU, and nothing to wait for. */
const SPAN = 20_000;
const SELECT = `select sum(score * (id % 7)) from bench_score where id between $1 and $1 + ${SPAN}`;

export const fewerConnections: Scenario = {
  id: 'G7',
  name: 'fewer-connections',
  group: 'guard',
  question: 'How many connections does a limiter before the pool need for the same throughput?',
  target: '<= 0.25x the connections, >= 0.97x the throughput, <= 0.85x p99',
  needs: ['postgres'],
  loop: 'closed, then open: the target is what 150 callers get through, and with how many connections; 150 a second are about half of what both get through',
  params: {
    callers: 150,
    connections: 60,
    warmupMs: 2500,
    durationMs: 3000,
    openRatePerSecond: 150,
  },
  rounds: 5,
  criteria: [
    { metric: 'connectionsUsed', subject: 'fynlo', peer: 'no limiter', op: '<=', bound: 0.25 },
    { metric: 'opsPerSecond', subject: 'fynlo', peer: 'no limiter', op: '>=', bound: 0.97 },
    { metric: 'p99Ms', subject: 'fynlo', peer: 'no limiter', op: '<=', bound: 0.85 },
  ],
  setup: makeScores,
  subjects: [
    {
      name: 'fynlo',
      settings: 'ConcurrencyLimiter before pg.Pool, both with max = connections',
      async limit(max: number): Promise<Limit> {
        const { ConcurrencyLimiter } = await import('@fynlo/resource-optimizer');
        const limiter = new ConcurrencyLimiter({ maxLimit: max });
        return (work) => limiter.run(work);
      },
    },
    {
      name: 'no limiter',
      settings: 'pg.Pool, max = connections',
      limit: async (): Promise<Limit> => (work) => work(),
    },
  ].map(({ name, settings, limit }) => ({
    name,
    settings,
    async round(context) {
      const { databaseUrl, params } = context;
      const pool = new pg.Pool({ connectionString: databaseUrl, max: params.connections });
      const run = await limit(params.connections);
      const outcome = await loadPool(
        benchPoolOf(pool),
        context,
        (_, random) =>
          run(() =>
            pool.query({
              name: 'scores',
              text: SELECT,
              values: [1 + Math.floor(random() * (ROWS - SPAN))],
            }),
          ),
        [connectionsUsed(pool)],
      );
      await pool.end();
      return expectNoErrors(outcome);
    },
  })),
};

function connectionsUsed(pool: pg.Pool): Watch {
  let used = 0;
  let looks = 0;
  let looking: NodeJS.Timeout | undefined;
  return {
    start() {
      looking = setInterval(() => {
        used += pool.totalCount - pool.idleCount;
        looks++;
      }, 20);
    },
    stop() {
      clearInterval(looking);
      return { connectionsUsed: used / looks };
    },
  };
}

type Limit = (work: () => Promise<unknown>) => Promise<unknown>;

async function makeScores({ databaseUrl }: { readonly databaseUrl: string }): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(`
    drop table if exists bench_score;
    create table bench_score as
      select i as id, (i * 17) % 1000 as score, 'user_' || i as name, md5(i::text) as token
      from generate_series(1, ${ROWS}) i;
    alter table bench_score add primary key (id);
    analyze bench_score;`);
  await client.end();
}
