import { setTimeout as sleep } from 'node:timers/promises';
import { startPostgres } from '@fynlo/services/postgres';
import type { Scenario } from '../scenario/scenario.ts';
import { type BenchPool, poolSubjects } from '../subjects/bench_pool.ts';
import { genericPool } from '../subjects/factory_pools.ts';
import { fynloPool } from '../subjects/fynlo_pool.ts';
import { knexPool } from '../subjects/knex_pool.ts';
import { pgPool } from '../subjects/pg_pool.ts';
import { postgresJs } from '../subjects/postgres_js.ts';

const CALLERS = 32;
const DOWN_MS = 2000;
/** What a caller does after an error: a service answers 503 and gets the next request. */
const PAUSE_MS = 20;
const WATCH_MS = 5000;

export const serverKilled: Scenario = {
  id: 'P12',
  name: 'server-killed',
  group: 'pool',
  question: 'What do callers see when the server is killed and comes back after two seconds?',
  target:
    '<= 32 errors (in flight), <= 30 sockets, 0 hung, served <= 250 ms after the server is back',
  needs: [],
  takes: ['callers', 'connections', 'warmup'],
  params: { callers: CALLERS, connections: 10, warmupMs: 1000, durationMs: 0 },
  roundMs: ({ warmupMs }) => warmupMs + DOWN_MS + WATCH_MS + 2500,
  rounds: 5,
  criteria: [
    { metric: 'errors', subject: 'fynlo', op: '<=', bound: CALLERS },
    { metric: 'connectionsOpened', subject: 'fynlo', op: '<=', bound: 30 },
    { metric: 'hung', subject: 'fynlo', op: '==', bound: 0 },
    { metric: 'latenessMs', subject: 'fynlo', op: '<=', bound: 250 },
  ],
  subjects: poolSubjects(
    [fynloPool, pgPool, postgresJs, knexPool, genericPool],
    async (open, { params }) => {
      await using server = await startPostgres({ external: false, maxConnections: 50 });
      const pool = await open({
        databaseUrl: server.url,
        connections: params.connections,
        acquireTimeoutMs: 10_000,
      });
      const callers = Array.from({ length: params.callers }, () => new Caller(pool));
      await sleep(params.warmupMs);
      for (const caller of callers) caller.errors = 0;
      const openedBefore = pool.opened() ?? 0;

      await server.kill();
      await sleep(DOWN_MS);
      const [, backAt] = [await server.restart(), performance.now()];
      await sleep(WATCH_MS);

      const firstServed = Math.min(...callers.map(({ servedAfter }) => servedAfter(backAt)));
      const hung = callers.filter(({ lastServedAt }) => lastServedAt < backAt).length;
      const metrics = {
        errors: callers.reduce((sum, { errors }) => sum + errors, 0),
        hung,
        latenessMs: Number.isFinite(firstServed) ? firstServed : WATCH_MS,
        ...(pool.opened() === undefined
          ? {}
          : { connectionsOpened: (pool.opened() ?? 0) - openedBefore }),
      };
      for (const caller of callers) caller.stop();
      return { metrics };
    },
  ),
};

/** Asks again and again; remembers when it was served. */
class Caller {
  errors = 0;
  lastServedAt = 0;
  readonly #served: number[] = [];
  #stopped = false;

  constructor(pool: BenchPool) {
    void this.#ask(pool);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** How long after `at` the first answer came that was asked for and given after it, ms. */
  servedAfter = (at: number): number =>
    (this.#served.find((time) => time >= at) ?? Number.POSITIVE_INFINITY) - at;

  async #ask(pool: BenchPool): Promise<void> {
    while (!this.#stopped) {
      try {
        await pool.query('select 1');
        this.lastServedAt = performance.now();
        // One time stamp in 10 ms is enough to find the first after the outage.
        if (this.lastServedAt - (this.#served.at(-1) ?? 0) > 10)
          this.#served.push(this.lastServedAt);
      } catch {
        this.errors++;
        await sleep(PAUSE_MS);
      }
    }
  }
}
