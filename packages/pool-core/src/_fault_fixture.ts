/**
 * A pool whose way to the server is in the test's hands.
 *
 * @module
 */
import { type FaultProxy, startFaultProxy } from '@fynlo/services/fault-proxy';
import { Oracle } from './_oracle_fixture.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

/** How much later than its deadline a caller may be answered, ms, beside the time in which this process did not run. */
export const LATE_MS = 50;

export interface FaultSetting extends AsyncDisposable {
  readonly proxy: FaultProxy;
  readonly pool: Pool;
  readonly oracle: Oracle;
}

/** A pool without a proxy, for faults of this process: a proxy would have them too. When disposed, the pool must end clean. */
export function watched(serverUrl: string, options: PoolOptions = {}): Omit<FaultSetting, 'proxy'> {
  const oracle = new Oracle(
    (own) => new Pool({ connectionString: serverUrl, max: 4, ...own, ...options }),
    serverUrl,
  );
  return {
    pool: oracle.pool,
    oracle,
    [Symbol.asyncDispose]: () => oracle.ended(),
  };
}

/** A pool that reaches the server of `serverUrl` through a proxy. When disposed, the way is mended and the pool must end clean. */
export async function throughProxy(
  serverUrl: string,
  options: PoolOptions = {},
): Promise<FaultSetting> {
  const { hostname, port } = new URL(serverUrl);
  const proxy = await startFaultProxy({ host: hostname, port: Number(port) });
  const oracle = new Oracle(
    (own) => new Pool({ connectionString: proxy.url(serverUrl), max: 4, ...own, ...options }),
    serverUrl,
  );
  return {
    proxy,
    pool: oracle.pool,
    oracle,
    async [Symbol.asyncDispose]() {
      try {
        proxy.set('pass');
        await oracle.ended();
      } finally {
        await proxy.close();
      }
    },
  };
}
