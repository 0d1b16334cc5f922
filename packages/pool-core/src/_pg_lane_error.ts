/**
 * What an error of a query means: for its lane, for its neighbours on it, and for its caller.
 */
import { hasHit } from './_lane_cancel_policy.ts';
import type { LaneQuery } from './_lane_query.ts';
import type { Lane } from './_pg_lane.ts';
import type { Permission } from './_pg_lane_permission.ts';
import type { LaneQueue } from './_pg_lane_queue.ts';
import { costsConnection, type QueryRules } from './_pg_query.ts';
import { saysServerReadsOnly } from './_pg_query_error_policy.ts';
import { isNameError, type StatementNames } from './_pg_statement_names.ts';
import { ConnectionLostError } from './errors.ts';
import { QueryAbortedError } from './pg_errors.ts';

const QUERY_CANCELED = '57014';
/** The server ends the session: by an operator, in a crash, as it shuts down, as it was idle. */
const SESSION_ENDS = /^57P0[1-5]$/;
/** pg's own words for a query it has not sent. */
const NOT_SENT = /is not queryable$/;

export interface LaneErrorParts {
  /** Undefined where the pool gives no names. */
  readonly names: StatementNames | undefined;
  readonly rules: QueryRules;
  readonly permission: Pick<Permission, 'isDirect'>;
}

/**
 * Retires the lane where the error costs its connection.
 *
 * @param queue from where it is sent again, where it has certainly not been executed.
 * @returns what the caller is told; undefined: nothing, as the query is sent again.
 */
export function judge(
  lane: Lane,
  query: LaneQuery,
  error: Error,
  { names, rules, permission }: LaneErrorParts,
  queue: LaneQueue,
): Error | undefined {
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  const ends = typeof code === 'string' && SESSION_ENDS.test(code);
  if (ends || severity === 'FATAL' || severity === 'PANIC') {
    // The first to be told of it was under way, or was the next.
    const wasFirst = !lane.fatal && !lane.isLost;
    lane.fatal = true;
    lane.retire('lost', error);
    if (wasFirst) return Object.assign(error, { maybeExecuted: true });
  }
  if (lane.isLost || NOT_SENT.test(error.message)) {
    lane.retire('lost', error);
    // The server works on one query after the other: behind the one that ended the session, none was begun. That a pooler has lost its
    // server says nothing of what the server had done by then.
    const notBegun = (lane.fatal && permission.isDirect) || NOT_SENT.test(error.message);
    if (notBegun && query.aborted !== undefined) return abortedError(query.aborted);
    if (notBegun && queue.again(query)) return undefined;
    return lostError(error, !notBegun);
  }
  if (code === QUERY_CANCELED) {
    const { aborted, settled } = query;
    const isGivenUp = aborted !== undefined || settled;
    const hit = hasHit(lane.cancel, query, error.message);
    if (lane.cancel !== undefined && (hit === 'yes' || (hit === 'maybe' && !isGivenUp))) {
      lane.cancel.spent = true;
    }
    if (aborted !== undefined) return abortedError(aborted);
    // Meant for the one before it, which was faster. The server has rolled it back. In doubt that is done once: a query that takes
    // longer than its `statement_timeout` does so again, and is told.
    if (hit !== 'no' && queue.again(query)) return undefined;
  }
  const { autoName } = query;
  const isOfName = autoName !== undefined && isNameError(error);
  if (isOfName) {
    names?.renew(query.sql, autoName);
    // Once under another name; what fails under that as well is sent without one, and its error is its own.
    query.mayBeNamed = query.retries === 0;
  }
  // The lane is known to lead to a server that takes no writes any more: the next one may lead to one that does.
  if (isOfName || (lane.outlived !== undefined && saysServerReadsOnly(error))) {
    if (query.aborted !== undefined) return abortedError(query.aborted);
    if (queue.again(query)) return undefined;
  }
  if (costsConnection(lane.client, error, rules)) lane.retire('session-error', error);
  return error;
}

/** Its signal has fired, and the statement has certainly not been executed. */
function abortedError({ reason }: { readonly reason: unknown }): QueryAbortedError {
  return new QueryAbortedError({ maybeExecuted: false, cause: reason });
}

/** An error of its own for each query: each caller's stack is put on it. */
function lostError(cause: Error, maybeExecuted: boolean): ConnectionLostError {
  const what = maybeExecuted
    ? 'and the query may have been executed'
    : 'before the query was begun';
  const message = `The connection was lost ${what}: ${cause.message}`;
  return new ConnectionLostError(message, { maybeExecuted, cause });
}
