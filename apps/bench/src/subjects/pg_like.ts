import type { Pool } from 'pg';
import type { BenchPool } from './bench_pool.ts';

/** A pg.Pool, or a stand-in for one, as the scenarios use it. */
export function benchPoolOf(pool: Pool): BenchPool {
  let opened = 0;
  pool.on('connect', () => {
    opened++;
  });
  // Without a listener the loss of an idle connection would end the process; the scenarios count errors elsewhere.
  pool.on('error', () => {});
  return {
    query: async (text, values) => (await pool.query(text, values as unknown[])).rows,
    async withConnection(work) {
      const client = await pool.connect();
      let failed: Error | undefined;
      try {
        return await work(
          async (text, values) => (await client.query(text, values as unknown[])).rows,
        );
      } catch (error) {
        failed = error as Error;
        throw error;
      } finally {
        // As node-postgres' documentation shows it: a connection-level failure destroys the client.
        client.release(isConnectionError(failed) ? failed : undefined);
      }
    },
    opened: () => opened,
    size: () => pool.totalCount,
    end: () => pool.end(),
  };
}

/** A server's answer has a five-character SQLSTATE; anything else happened to the connection. */
function isConnectionError(error: (Error & { code?: unknown }) | undefined): boolean {
  if (error === undefined) return false;
  return (
    typeof error.code !== 'string' ||
    !/^[0-9A-Z]{5}$/.test(error.code) ||
    error.code.startsWith('57P')
  );
}
