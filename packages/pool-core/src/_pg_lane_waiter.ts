/**
 * How the lanes wait for a connection of their pool: one acquire on behalf of all queries that wait.
 */
import type pg from 'pg';
import type { Entry } from './_entry.ts';
import type { LaneReason } from './_lane_policy.ts';
import { type Lender, PgLease } from './_pg_checkout.ts';
import { Waiter } from './waiter.ts';

/** What lanes are called in `connections()` and in events. */
export const LABEL = 'pipelined lane';

export interface LaneWaiterHost {
  /** A connection was leased for a lane. */
  granted(entry: Entry<pg.Client>, lease: PgLease, reason: LaneReason): void;
  /** None could be had. */
  refused(error: Error): void;
}

export class LaneWaiter extends Waiter<pg.Client> {
  readonly #host: LaneWaiterHost;
  readonly #lender: Lender;
  readonly #reason: LaneReason;

  constructor(host: LaneWaiterHost, lender: Lender, reason: LaneReason) {
    super();
    this.#host = host;
    this.#lender = lender;
    this.#reason = reason;
    this.label = LABEL;
  }

  override granted(entry: Entry<pg.Client>): PgLease {
    const lease = new PgLease(this.#lender, entry);
    this.#host.granted(entry, lease, this.#reason);
    this.#lender.answered();
    return lease;
  }

  override refused(error: Error): void {
    this.#host.refused(error);
    this.#lender.answered();
  }
}
