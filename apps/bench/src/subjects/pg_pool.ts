import type { ClientConfig } from 'pg';
import type { BenchPool, PoolKind } from './bench_pool.ts';
import { benchPoolOf } from './pg_like.ts';
import { SplitSampler } from './split_sampler.ts';

function ignore(): void {}

export const pgPool: PoolKind = {
  name: 'pg.Pool',
  settings: 'pg-pool defaults (LIFO, no minimum), max = connections',
  async open({ databaseUrl, connections, acquireTimeoutMs }) {
    const { default: pg } = await import('pg');
    const sampler = new SplitSampler();
    class TimedClient extends pg.Client {
      constructor(options?: ClientConfig) {
        super(options);
        // pg-pool connects a client in the tick in which it makes it.
        const begun = performance.now();
        this.once('connect', () => sampler.created(performance.now() - begun));
      }
    }
    const pool = new pg.Pool({
      connectionString: databaseUrl,
      max: connections,
      Client: TimedClient as never,
      ...(acquireTimeoutMs === undefined ? {} : { connectionTimeoutMillis: acquireTimeoutMs }),
    });
    const benched = benchPoolOf(pool);
    // The three steps of pg-pool's own query(), with the clock between them.
    const timedQuery: BenchPool['query'] = async (text, values) => {
      const asked = performance.now();
      const client = await pool.connect();
      const got = performance.now();
      sampler.waited(got - asked);
      // As that does: the loss of a connection meanwhile is the statement's error, and not the end of the process.
      client.on('error', ignore);
      let failed: Error | undefined;
      try {
        return (await client.query(text, values as unknown[])).rows;
      } catch (error) {
        failed = error as Error;
        throw error;
      } finally {
        sampler.used(performance.now() - got);
        client.removeListener('error', ignore);
        client.release(failed);
      }
    };
    return {
      ...benched,
      query: (text, values) =>
        sampler.due() ? timedQuery(text, values) : benched.query(text, values),
      split: () => sampler.split(),
    };
  },
};
