/**
 * Queries of lanes that have not been sent.
 */
import { AsyncResource } from 'node:async_hooks';
import { type LaneQuery, QueryList } from './_lane_query.ts';
import { asCallerSees, type Lender } from './_pg_checkout.ts';
import { AcquireAbortedError } from './errors.ts';

const MAX_RETRIES = 3;

export interface LaneQueueParts {
  readonly lender: Lender;
  /** Infinity for none. */
  readonly acquireTimeoutMs: number;
  /** The refusal of the pool's own queue. */
  timeoutError(waitedMs: number): Error;
}

export class LaneQueue extends QueryList {
  readonly #parts: LaneQueueParts;
  /** Queries that were sent and came back. */
  retried = 0;

  constructor(parts: LaneQueueParts) {
    super();
    this.#parts = parts;
  }

  /** Puts a new query at the end. */
  join(query: LaneQuery, now: number): void {
    query.queuedAt = now;
    query.scope = new AsyncResource('PG_POOL_QUERY');
    this.push(query);
  }

  /** Puts a query that certainly has not been executed in front, to be sent again. @returns false where that was done often enough. */
  again(query: LaneQuery): boolean {
    if (query.settled) return true;
    if (query.retries >= MAX_RETRIES) return false;
    query.retries++;
    this.retried++;
    query.expiresAt = Number.POSITIVE_INFINITY;
    query.queuedAt = this.#parts.lender.resources.clock.now();
    query.scope ??= new AsyncResource('PG_POOL_QUERY');
    this.unshift(query);
    return true;
  }

  /** Callers whose wait is over. They were queued in the order of their deadlines, but for those in front that are sent again. */
  endWaits(now: number): void {
    const { acquireTimeoutMs, lender } = this.#parts;
    for (const query of this) {
      const waitedMs = now - query.queuedAt;
      if (waitedMs < acquireTimeoutMs) {
        if (query.retries > 0) continue;
        return;
      }
      this.remove(query);
      lender.resources.meter.acquireTimeouts++;
      query.settle(asCallerSees(this.#parts.timeoutError(waitedMs)));
    }
  }

  /** Takes back a query that nobody wants any more. */
  abort(query: LaneQuery, reason: unknown): void {
    const { clock, meter } = this.#parts.lender.resources;
    this.remove(query);
    meter.acquireAborts++;
    query.settle(new AcquireAbortedError(clock.now() - query.queuedAt, reason));
  }

  /** All of them. */
  refuse(error: Error): void {
    for (let query = this.head; query !== undefined; query = this.head) {
      this.remove(query);
      this.refuseNextTick(query, error);
    }
  }

  /** Of a query that stands in no list: a callback is never called within the call. Its signal comes too late, and must not remove it. */
  refuseNextTick(query: LaneQuery, error: Error): void {
    query.unwatch?.();
    process.nextTick(settleRefused, query, error);
  }
}

function settleRefused(query: LaneQuery, error: Error): void {
  query.settle(asCallerSees(error));
}
