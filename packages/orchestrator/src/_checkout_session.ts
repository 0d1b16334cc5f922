import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '@fynlo/pool-core';
import { LatencyHistogram } from './latency_histogram.ts';
import type { DueRequest } from './pacer.ts';

/** Where the time of the checkouts went; a window of the load that is judged on its own. */
export class CheckoutTimings {
  /** From the intended start to the answer of the select: what a user feels, generator and event loop included. */
  readonly response: LatencyHistogram = new LatencyHistogram();
  /** The same from the moment the connection was asked for. */
  readonly service: LatencyHistogram = new LatencyHistogram();
  /** From asking for a connection to having it. */
  readonly acquireWait: LatencyHistogram = new LatencyHistogram();
  /** The select alone. */
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
    await client.query('begin');
    const queriedAt = performance.now();
    const { rows } = await client.query<{ id: number }>({
      name: 'fynlo-item-by-id',
      text: `select id, name, price from ${session.table} where id = $1`,
      values: [session.id],
    });
    const answeredAt = performance.now();
    if (rows.length !== 1 || rows[0]?.id !== session.id) {
      throw new Error(`item ${session.id}: ${rows.length} rows, first id ${rows[0]?.id}`);
    }
    timings.response.record(answeredAt - request.intendedAt);
    timings.service.record(answeredAt - askedAt);
    timings.acquireWait.record(acquiredAt - askedAt);
    timings.query.record(answeredAt - queriedAt);
    session.onResponse?.(answeredAt - request.intendedAt);
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
