/**
 * The process-wide channels that node-postgres proposes for its own pool (brianc/node-postgres#3650), so that one
 * subscriber serves both.
 */
import { type Channel, channel, tracingChannel } from 'node:diagnostics_channel';
import type pg from 'pg';
import { recordOf } from './_pg_client_record.ts';

/** What the channel `pg:pool:connect` tells with each of its events. */
export interface PoolConnectContext {
  readonly pool: {
    readonly totalCount: number;
    readonly idleCount: number;
    readonly waitingCount: number;
    readonly maxSize: number;
  };
  /** From the moment it is known. */
  client?: { readonly processID: number | null; readonly reused: boolean };
  error?: unknown;
}

// One object for all pools: Node looks channels up by name, and keeps them weakly.
const CONNECT = tracingChannel<string, PoolConnectContext>('pg:pool:connect');
export const RELEASE: Channel = channel('pg:pool:release');
export const REMOVE: Channel = channel('pg:pool:remove');

/** Undefined on runtimes that cannot tell: then it is traced. */
export function isConnectTraced(): boolean {
  return (CONNECT as { hasSubscribers?: boolean }).hasSubscribers !== false;
}

type Callback = (error: Error | undefined, client?: pg.PoolClient, done?: unknown) => void;

/** `connect()`, traced in both of its forms. */
export function traceConnect(
  pool: pg.Pool,
  callback: Callback | undefined,
  connect: (callback?: Callback) => Promise<pg.PoolClient> | undefined,
): Promise<pg.PoolClient> | undefined {
  const context: PoolConnectContext = {
    pool: {
      totalCount: pool.totalCount,
      idleCount: pool.idleCount,
      waitingCount: pool.waitingCount,
      maxSize: pool.options.max,
    },
  };
  const seen = (client: pg.PoolClient | undefined): void => {
    if (client === undefined) return;
    const processID = (client as unknown as { processID?: number | null }).processID ?? null;
    context.client = { processID, reused: (recordOf(client)?.entry?.uses ?? 0) > 0 };
  };
  if (callback === undefined) {
    return CONNECT.tracePromise(
      () =>
        (connect() as Promise<pg.PoolClient>).then((client) => {
          seen(client);
          return client;
        }),
      context,
    );
  }
  CONNECT.traceCallback(
    (traced: Callback) =>
      connect((error, client, done) => {
        seen(client);
        traced(error, client, done);
      }),
    0,
    context,
    undefined,
    callback,
  );
  return undefined;
}
