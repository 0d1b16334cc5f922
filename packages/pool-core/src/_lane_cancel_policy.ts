/**
 * Whose a cancel is. Pure.
 *
 * A lane asks for one cancel at a time, and sends nothing until that can hit nothing any more. The server stops what it is at
 * as the request comes, which may be a neighbour of the query that was meant; it says 57014 then, and the very same where a
 * neighbour took longer than the `statement_timeout` that the role, the database or the client sets.
 */

/** A cancel request for the head of a lane. */
export interface LaneCancel {
  /** When the server had passed it on (monotonic ms): what is sent from then on is safe. */
  confirmedAt: number | undefined;
  /** Whether it had time to take effect, so that there may be another. */
  expired: boolean;
  /** Whether it is known to have stopped a query. It stops no second one. */
  spent: boolean;
}

/** Whether it may stop a query, as that was sent before the request had been passed on. */
export function mayHit(cancel: LaneCancel, query: { readonly sentAt: number }): boolean {
  const { confirmedAt, spent } = cancel;
  return confirmedAt === undefined || (!spent && query.sentAt < confirmedAt);
}

/**
 * Whether it was the request that ended a query with 57014. The server's words tell, where they are English; else it may have been, as
 * long as the request takes effect.
 */
export function hasHit(
  cancel: LaneCancel | undefined,
  query: { readonly sentAt: number },
  words: string,
): 'yes' | 'maybe' | 'no' {
  if (cancel === undefined || cancel.spent || !mayHit(cancel, query)) return 'no';
  if (words.includes('user request')) return 'yes';
  return words.includes('timeout') || cancel.expired ? 'no' : 'maybe';
}
