/**
 * A pool with lanes, and a proxy in front of its server.
 */
import type { LaneStats } from './_lane_stats.ts';
import { until } from './_pg_conformance.ts';
import type { PoolOptions } from './pg_options.ts';
import type { PipeliningOptions } from './pg_pipelining_options.ts';
import { Pool } from './pool.ts';

/** What of a fault proxy the fixture itself needs. */
interface AnyProxy {
  url(base: string): string;
  set(mode: 'pass'): void;
  cutAll(how: 'reset'): void;
  close(): Promise<void>;
}

export interface ProxiedLanes<P> extends AsyncDisposable {
  readonly proxy: P;
  readonly pool: Pool;
  /** Reaches the server past the proxy. */
  readonly aside: Pool;
  lanes(): LaneStats;
}

/** Nothing is learned as slow, so that queries stay on the lane where they were sent, however busy the machine is. */
export const NOTHING_IS_SLOW = { headMs: 60_000, slowMeanMs: 60_000, slowP95Ms: 60_000 };

export const ONE_LANE: PipeliningOptions = { ...NOTHING_IS_SLOW, maxLanes: 1 };

/** Connections that are in use by now, as the thresholds count them. */
function busy({ manager }: Pool): number {
  const { meter } = manager.pool;
  return meter.read(1).leasedMs - meter.read(0).leasedMs;
}

/** For as long as a test runs. */
export async function proxiedLanes<P extends AnyProxy>(
  start: (target: { host: string; port: number }) => Promise<P>,
  url: string,
  options: PoolOptions = {},
): Promise<ProxiedLanes<P>> {
  const { hostname, port } = new URL(url);
  const proxy = await start({ host: hostname, port: Number(port) });
  const pool = new Pool({
    connectionString: proxy.url(url),
    max: 4,
    pipelining: true,
    ...options,
  });
  pool.on('error', () => {});
  const aside = new Pool({ connectionString: url, max: 2 });
  return {
    proxy,
    pool,
    aside,
    lanes: () => pool.stats().lanes as LaneStats,
    async [Symbol.asyncDispose]() {
      proxy.set('pass');
      proxy.cutAll('reset');
      if (!pool.ending) await pool.end({ graceMs: 500 });
      await aside.end();
      await proxy.close();
      await until('no lane counts as busy', () => busy(pool) === 0);
    },
  };
}
