import type { Pool, PoolOptions } from '@fynlo/pool-core';
import type { BenchPool, BenchPoolOptions, PoolKind } from './bench_pool.ts';
import { benchPoolOf } from './pg_like.ts';

export const fynloPool: PoolKind = {
  name: 'fynlo',
  settings: '@fynlo/pool-core Pool, its defaults, max = connections',
  async open(options) {
    const pool = await openPool(options, {});
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

/** What a query costs, without what sizing costs: beside a pool that sizes itself. */
export const fynloFixed: PoolKind = {
  name: 'fynlo fixed',
  settings: '@fynlo/pool-core Pool, adaptiveCeiling: false, max = connections',
  open: async (options): Promise<BenchPool> =>
    benchPoolOf(await openPool(options, { adaptiveCeiling: false })),
};

/** One-shot queries share a few connections; each lease of one is long, so a split by leases says nothing. */
export const fynloLanes: PoolKind = {
  name: 'fynlo lanes',
  settings: "@fynlo/pool-core Pool, pipelining: true, prepare: 'auto', max = connections",
  open: async (options): Promise<BenchPool> =>
    benchPoolOf(await openPool(options, { pipelining: true, prepare: 'auto' })),
};

async function openPool(
  { databaseUrl, connections, acquireTimeoutMs }: BenchPoolOptions,
  more: PoolOptions,
): Promise<Pool> {
  const { Pool } = await import('@fynlo/pool-core');
  return new Pool({
    connectionString: databaseUrl,
    max: connections,
    ...(acquireTimeoutMs === undefined ? {} : { connectionTimeoutMillis: acquireTimeoutMs }),
    ...more,
  });
}
