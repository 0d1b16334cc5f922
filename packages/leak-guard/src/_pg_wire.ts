/**
 * Whether a checked-out `pg.Client` has something to do, and when it has not any more.
 *
 * @module
 */
import type { PgClientLike } from './pg_shapes.ts';

/** A statement is in flight or queued. */
export function isBusy(client: PgClientLike): boolean {
  const { _activeQuery: active, _queryQueue: queue, readyForQuery } = client;
  return (
    (active !== null && active !== undefined) || (queue?.length ?? 0) > 0 || readyForQuery === false
  );
}

/** Calls `then` once: when the client has nothing left to do, when it is gone, or when the time is over. */
export function whenQuiet(client: PgClientLike, atMostMs: number, then: () => void): void {
  const done = (): void => {
    clearTimeout(timer);
    client.removeListener('drain', done);
    client.removeListener('end', done);
    then();
  };
  const timer = setTimeout(done, atMostMs).unref();
  client.on('drain', done);
  client.on('end', done);
}
