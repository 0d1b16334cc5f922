import type { PoolKind } from './bench_pool.ts';
import { benchPoolOf } from './pg_like.ts';

export const pgPool: PoolKind = {
  name: 'pg.Pool',
  settings: 'pg-pool defaults (LIFO, no minimum), max = connections',
  async open({ databaseUrl, connections, acquireTimeoutMs }) {
    const { default: pg } = await import('pg');
    const pool = new pg.Pool({
      connectionString: databaseUrl,
      max: connections,
      ...(acquireTimeoutMs === undefined ? {} : { connectionTimeoutMillis: acquireTimeoutMs }),
    });
    return benchPoolOf(pool);
  },
};
