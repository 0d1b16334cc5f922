/** What a failed connect to PostgreSQL says about the next one. */
import type { ConnectErrorKind } from './connection_factory.ts';
import { NoSuitableHostError } from './pg_errors.ts';

/** The network or the server: may be over in a moment. `ENOTFOUND` is among them: names vanish during a failover. */
const NETWORK: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'EADDRNOTAVAIL',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOENT',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  'ERR_POOL_CONNECT_TIMEOUT',
  'ERR_POOL_CONNECTION_LOST',
]);

/** SQLSTATE classes (first two characters) that end when the server has recovered: connection, resources, operator. */
const PASSING_CLASSES: ReadonlySet<string> = new Set(['08', '53', '57', '58']);

/** Authorization (28), no such database (3D), no right to it (42): the same next time. */
const LASTING_CLASSES: ReadonlySet<string> = new Set(['28', '3D', '42']);

const TLS =
  /^(?:ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_|EPROTO$)/;

/** pg's own words where it gives no code. */
const PG_PASSING = /^(?:Connection terminated|timeout expired)/;
const PG_LASTING =
  /^(?:SASL|Password must be|The server does not support SSL|There was an error establishing an SSL)/;

/**
 * Undefined for an error that says nothing of the server (a hook's own error, say): it belongs to the one it happened to.
 */
export function classifyConnectError(error: unknown): ConnectErrorKind | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if (error instanceof NoSuitableHostError) {
    // One that did not answer, or is not what is wanted now, may be in a moment.
    return best(
      error.attempts.map((attempt) =>
        attempt.error === undefined ? 'retryable' : classifyConnectError(attempt.error),
      ),
    );
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code === '53300') return 'server-limit';
  if (NETWORK.has(code)) return 'retryable';
  if (TLS.test(code)) return 'fatal';
  if (/^[0-9A-Z]{5}$/.test(code)) {
    const kind = code.slice(0, 2);
    if (LASTING_CLASSES.has(kind)) return 'fatal';
    if (PASSING_CLASSES.has(kind)) return 'retryable';
  }
  const message = 'message' in error ? String(error.message) : '';
  if (PG_LASTING.test(message)) return 'fatal';
  if (PG_PASSING.test(message)) return 'retryable';
  // Several addresses, each with its error: as good as the best of them.
  if (error instanceof AggregateError) return best(error.errors.map(classifyConnectError));
  return undefined;
}

function best(kinds: readonly (ConnectErrorKind | undefined)[]): ConnectErrorKind | undefined {
  return kinds.find((kind) => kind === 'retryable') ?? kinds[0];
}
