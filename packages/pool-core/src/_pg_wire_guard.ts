/**
 * What to do when the server's bytes make no sense: the connection is over, the process is not.
 */
import type { Duplex } from 'node:stream';
import type pg from 'pg';
import { type ConnectionInside, insideOf } from './_pg_client_inside.ts';
import { ConnectionLostError } from './errors.ts';

type OnData = (data: Buffer) => void;

/**
 * Makes a client that is not connected yet fail by itself where pg would take the process down or go on out of step:
 *
 * - pg-protocol throws a RangeError out of the socket's 'data' event for a row whose lengths are wrong: an uncaught exception;
 * - it tells of a message of unknown type as of an error of the server, one without a severity, and reads on wherever it is.
 *
 * In both cases the socket is destroyed. An exception of the application's, thrown in a listener that pg calls, stays one; but
 * pg would parse what it had parsed already, so its connection ends as well.
 */
export function guardWire(client: pg.Client): void {
  const connection: ConnectionInside | undefined = insideOf(client).connection;
  const attach = connection?.attachListeners;
  if (connection === undefined || typeof attach !== 'function') return;
  connection.attachListeners = (stream: Duplex) => {
    const before = new Set(stream.listeners('data'));
    attach.call(connection, stream);
    for (const parse of stream.listeners('data')) {
      if (before.has(parse)) continue;
      stream.removeListener('data', parse as OnData);
      stream.on('data', guarded(stream, parse as OnData));
    }
  };
  connection.prependListener('errorMessage', (message: { severity?: unknown }) => {
    if (message.severity === undefined) connection.stream?.destroy?.(outOfStep(message));
  });
}

function guarded(stream: Duplex, parse: OnData): OnData {
  return function parseOrEnd(data) {
    try {
      parse(data);
    } catch (error) {
      stream.destroy(outOfStep(error));
      if (!isParsers(error)) throw error;
    }
  };
}

/** Whether the way down from where it was thrown to `parseOrEnd` leads through no emit, that is, through no listener. */
function isParsers(error: unknown): boolean {
  if (!(error instanceof RangeError)) return false;
  const [above = ''] = (error.stack ?? '').split(/\bparseOrEnd\b/, 1);
  return above !== error.stack && !/\bemit\b/.test(above);
}

function outOfStep(cause: unknown): ConnectionLostError {
  const message = 'The connection was closed: what the server sent cannot be read';
  return new ConnectionLostError(message, { maybeExecuted: true, cause });
}
