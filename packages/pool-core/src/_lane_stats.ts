/**
 * How the shared connections of a pool stand.
 */
import type { LaneReason } from './_lane_policy.ts';

/** One change of the number of lanes. */
export interface LaneChange {
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly from: number;
  readonly to: number;
  readonly reason: LaneReason;
}

/** How the lanes stand. */
export interface LaneStats {
  readonly lanes: number;
  /** Sent and not answered, on all lanes. */
  readonly inFlight: number;
  /** Not sent yet. */
  readonly queued: number;
  /** Queries that shared, and queries that got a connection of their own. */
  readonly shared: number;
  readonly exclusive: number;
  /** Sent again on another lane, as they had certainly not been executed. */
  readonly retried: number;
  readonly cancelled: number;
  /** Statements that run on connections of their own as they are slow. */
  readonly slowStatements: readonly { readonly text: string; readonly meanMs: number }[];
  /** Why nothing is shared, where nothing may be. */
  readonly refused?: string;
  /** The last changes, the oldest first. */
  readonly changes: readonly LaneChange[];
}
