/** Whether a connection is still good after a statement failed on it. */

/**
 * Codes after which the session is not what its next user expects, although the server keeps it open:
 * 0A000 "cached plan must not change result type" and 26000/42P05 (a prepared statement the server does not have, or has
 * already) come back for every further use of the same name; 25006 outside a read-only transaction means that the server
 * is no longer the primary; 08P01 that both sides no longer speak the same protocol.
 */
const LASTING: ReadonlySet<string> = new Set(['0A000', '26000', '42P05', '25006', '08P01']);

/** Connection exceptions, operator intervention except a cancel (57014), system and internal errors. */
const LASTING_CLASSES = /^(?:08|57P|58|F0|XX)/;

/** pg's answer when its `query_timeout` has passed: the statement still runs. */
const STILL_RUNNING = 'Query read timeout';

/**
 * `keep`: the session is as good as before, once the server says that it is idle. `destroy`: it is not.
 */
export function afterQueryError(error: unknown): 'keep' | 'destroy' {
  if (typeof error !== 'object' || error === null) return 'destroy';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (LASTING.has(code) || LASTING_CLASSES.test(code)) return 'destroy';
  return 'message' in error && error.message === STILL_RUNNING ? 'destroy' : 'keep';
}

/**
 * Whether the error says that the server is no longer the primary: then none of its connections is worth keeping. A statement
 * by itself is in no read-only transaction, unless the session or its user reads only by default.
 */
export function saysServerReadsOnly(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === '25006';
}
