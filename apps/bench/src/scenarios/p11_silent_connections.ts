import { setTimeout as sleep } from 'node:timers/promises';
import { startFaultProxy } from '@fynlo/services/fault-proxy';
import type { Scenario } from '../scenario/scenario.ts';
import { poolSubjects } from '../subjects/bench_pool.ts';
import { fynloPool } from '../subjects/fynlo_pool.ts';
import { knexPool } from '../subjects/knex_pool.ts';
import { pgPool } from '../subjects/pg_pool.ts';
import { postgresJs } from '../subjects/postgres_js.ts';

const WATCH_MS = 7500;

export const silentConnections: Scenario = {
  id: 'P11',
  name: 'silent-connections',
  group: 'pool',
  question:
    'How long until callers are served again when all open sockets fall silent and new ones work?',
  target: '<= 2 s, no query timeout needed (pg.Pool: never)',
  needs: ['postgres'],
  takes: ['callers', 'connections', 'duration', 'warmup'],
  params: { callers: 32, connections: 10, warmupMs: 1000, durationMs: WATCH_MS },
  rounds: 5,
  criteria: [
    { metric: 'recoveryMs', subject: 'fynlo', op: '<=', bound: 2000 },
    { metric: 'hung', subject: 'fynlo', op: '==', bound: 0 },
  ],
  subjects: poolSubjects(
    [fynloPool, pgPool, postgresJs, knexPool],
    async (open, { databaseUrl, params }) => {
      const { hostname, port } = new URL(databaseUrl);
      await using proxy = await startFaultProxy({ host: hostname, port: Number(port) });
      const pool = await open({
        databaseUrl: proxy.url(databaseUrl),
        connections: params.connections,
      });
      const lastServed = new Float64Array(params.callers);
      let firstServed = Number.POSITIVE_INFINITY;
      let cutAt = Number.POSITIVE_INFINITY;
      let errors = 0;
      const stopping = new AbortController();
      const ask = async (caller: number): Promise<void> => {
        while (!stopping.signal.aborted) {
          const askedAt = performance.now();
          try {
            await pool.query('select 1');
            lastServed[caller] = performance.now();
            if (askedAt > cutAt) firstServed = Math.min(firstServed, performance.now());
          } catch {
            errors++;
            await sleep(20);
          }
        }
      };
      for (let caller = 0; caller < params.callers; caller++) void ask(caller);
      await sleep(params.warmupMs);

      errors = 0;
      cutAt = performance.now();
      proxy.set('blackhole', { existing: true, fresh: false });
      await sleep(params.durationMs);
      stopping.abort();

      const hung = lastServed.filter((at) => at < cutAt + 100).length;
      return {
        metrics: {
          recoveryMs: Number.isFinite(firstServed) ? firstServed - cutAt : params.durationMs,
          hung,
          errors,
          ...(pool.opened() === undefined ? {} : { connectionsOpened: pool.opened() ?? 0 }),
        },
        details: { servedAgain: Number.isFinite(firstServed) },
      };
    },
  ),
};
