/**
 * Queries of lanes that end before their answers: by a time limit of their own, or by a signal.
 */
import type { LaneCancel } from './_lane_cancel_policy.ts';
import type { LaneQuery } from './_lane_query.ts';
import { requestCancel } from './_pg_cancel.ts';
import type { Lane } from './_pg_lane.ts';
import type { LaneQueue } from './_pg_lane_queue.ts';
import type { Clock } from './clock.ts';
import { QueryAbortedError } from './pg_errors.ts';

/** How long the server may take to be asked, and then to answer. */
const CANCEL_MS = 5_000;
/** A busy server takes no longer to act on a request that it has passed on. */
const EFFECT_MS = 1_000;
/** pg-pool's words. */
const READ_TIMEOUT = 'Query read timeout';

export class LaneCancels {
  readonly #clock: Clock;
  readonly #stream: unknown;
  readonly #queue: LaneQueue;
  readonly #over: (lane: Lane) => void;
  /** Cancel requests so far. */
  count = 0;

  /**
   * @param stream the `stream` option, for cancel requests.
   * @param over hears that a cancel request is over: the lane may take more.
   */
  constructor(clock: Clock, stream: unknown, queue: LaneQueue, over: (lane: Lane) => void) {
    this.#clock = clock;
    this.#stream = stream;
    this.#queue = queue;
    this.#over = over;
  }

  /** Tells the callers whose queries took too long. */
  endTimes(lanes: readonly Lane[], now: number): void {
    for (const lane of lanes) {
      for (const query of lane.flight) {
        if (now < query.expiresAt || query.settled) continue;
        query.settle(new Error(READ_TIMEOUT));
        if (query === lane.flight.head && lane.mayCancel) this.cancel(lane, query);
      }
    }
  }

  watch(query: LaneQuery, signal: AbortSignal): void {
    const abort = (): void => this.#abort(query, signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    query.unwatch = () => signal.removeEventListener('abort', abort);
  }

  #abort(query: LaneQuery, reason: unknown): void {
    const { lane } = query;
    query.aborted = { reason };
    if (lane === undefined) this.#queue.abort(query, reason);
    else if (query === lane.flight.head && lane.mayCancel) this.cancel(lane, query);
    // It is on its way and cannot be taken back. What comes is dropped.
    else query.settle(unconfirmed(query));
  }

  /**
   * Stops the head of a lane on the server. PostgreSQL cancels what runs when the request arrives, which may be the next one
   * by then: nothing more is sent until the lane is empty, and a neighbour that was hit is sent again, unseen by its caller.
   */
  cancel(lane: Lane, query: LaneQuery, isRepeated = false): void {
    const cancel: LaneCancel = { confirmedAt: undefined, expired: false, spent: false };
    lane.cancel = cancel;
    this.count++;
    void requestCancel(lane.client, this.#stream, CANCEL_MS).then((asked) => {
      cancel.confirmedAt = this.#clock.now();
      if (!asked) {
        // It may yet come, and hit anybody.
        lane.retire('session-error', unconfirmed(query));
        query.settle(unconfirmed(query));
      }
      const repeats = asked && !isRepeated;
      setTimeout(
        () => {
          if (query.lane !== lane) cancel.expired = true;
          // It may have come a moment before its query was begun.
          else if (repeats) this.cancel(lane, query, true);
          else {
            // A server that does not answer even now answers nobody.
            query.settle(unconfirmed(query));
            lane.cut();
          }
        },
        repeats ? EFFECT_MS : CANCEL_MS,
      ).unref();
      this.#over(lane);
    });
  }
}

function unconfirmed(query: LaneQuery): QueryAbortedError {
  return new QueryAbortedError({ maybeExecuted: true, cause: query.aborted?.reason });
}
