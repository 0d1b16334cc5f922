import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '@fynlo/pool-core';
import type pg from 'pg';
import { LatencyHistogram } from './latency_histogram.ts';
import type { DueRequest } from './pacer.ts';

/** Where the time of the checkouts went; a window of the load that is judged on its own. */
export class CheckoutTimings {
  /** From asking for the connection to the answer of the select on it. */
  readonly response: LatencyHistogram = new LatencyHistogram();
  /** The same from the moment the schedule wanted the request to start: generator and event loop included. */
  readonly fromIntended: LatencyHistogram = new LatencyHistogram();
  /** From asking for a connection to having it. */
  readonly acquireWait: LatencyHistogram = new LatencyHistogram();
  /** The statement alone. */
  readonly query: LatencyHistogram = new LatencyHistogram();
  /** From having the connection to giving it back. */
  readonly held: LatencyHistogram = new LatencyHistogram();
  attempted = 0;
  succeeded = 0;
}

export interface CheckoutSession {
  readonly table: string;
  readonly id: number;
  /** How long the user thinks before the commit. */
  readonly thinkMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Told as soon as the select was answered. */
  onResponse?(responseMs: number): void;
}

/**
 * One user's visit: take a connection, open a transaction, read one row by its key, think, commit, give it back. The
 * connection is really held for the time of thinking, on the server as well.
 */
export async function runCheckoutSession(
  pool: Pool,
  request: DueRequest,
  session: CheckoutSession,
  timings: CheckoutTimings,
): Promise<void> {
  timings.attempted++;
  const askedAt = performance.now();
  const lease = await pool.getConnection(
    session.signal === undefined ? {} : { signal: session.signal },
  );
  const acquiredAt = performance.now();
  try {
    const client = lease.connection;
    // BEGIN travels with the select in one message: the transaction costs no round trip of its own. The id is a number
    // of ours; a message of two statements takes no parameters.
    const answers = await client.query(
      `begin; select id, name, price from ${session.table} where id = ${session.id}`,
    );
    const answeredAt = performance.now();
    const { rows } = (answers as unknown as pg.QueryResult<{ id: number }>[])[1] ?? { rows: [] };
    if (rows.length !== 1 || rows[0]?.id !== session.id) {
      throw new Error(`item ${session.id}: ${rows.length} rows, first id ${rows[0]?.id}`);
    }
    timings.response.record(answeredAt - askedAt);
    timings.fromIntended.record(answeredAt - request.intendedAt);
    timings.acquireWait.record(acquiredAt - askedAt);
    timings.query.record(answeredAt - acquiredAt);
    session.onResponse?.(answeredAt - askedAt);
    await sleep(session.thinkMs, undefined, session.signal && { signal: session.signal });
    await client.query('commit');
  } catch (error) {
    await lease.release(error);
    throw error;
  }
  await lease.release();
  timings.held.record(performance.now() - acquiredAt);
  timings.succeeded++;
}
