import type { PoolKind } from './bench_pool.ts';
import { benchPoolOf } from './pg_like.ts';

export const fynloPool: PoolKind = {
  name: 'fynlo',
  settings: '@fynlo/pool-core Pool, its defaults, max = connections',
  async open({ databaseUrl, connections, acquireTimeoutMs }) {
    const { Pool } = await import('@fynlo/pool-core');
    const pool = new Pool({
      connectionString: databaseUrl,
      max: connections,
      ...(acquireTimeoutMs === undefined ? {} : { connectionTimeoutMillis: acquireTimeoutMs }),
    });
    return {
      ...benchPoolOf(pool),
      split() {
        const { wait, use, create } = pool.stats();
        return {
          waitP50Ms: wait.p50,
          waitP99Ms: wait.p99,
          useP50Ms: use.p50,
          createP50Ms: create.p50,
        };
      },
    };
  },
};

/** `pipelining: true`: one-shot queries share a few connections. */
export const fynloLanes: PoolKind = {
  name: 'fynlo lanes',
  settings: '@fynlo/pool-core Pool with pipelining and named statements, max = connections',
  notBuilt: 'pool-core has no shared lanes',
  open: (options) => fynloPool.open(options),
};
