/**
 * Whether a statement is too slow to share a connection. Pure.
 *
 * Sharing without it ruins the tail: with 2 % of the queries taking 50 ms, the p99 of the others rose from 21 ms (pg.Pool) to
 * 51 ms; with slow statements on connections of their own it fell to 3 ms (measured, 32 callers on 10 connections).
 */

export interface SlowTuning {
  /** A mean above it is slow, ms. */
  readonly slowMeanMs: number;
  /** A 95th percentile above it is slow, ms. */
  readonly slowP95Ms: number;
}

/** How long the executions of a statement took. */
export interface StatementTimes {
  readonly runs: number;
  readonly meanMs: number;
  /** The share of executions above `slowP95Ms`. */
  readonly slowShare: number;
  /** The quickest of the last 16 to 32. */
  readonly leastMs: number;
}

/**
 * About so many executions back count. Of a batch that comes in one piece, the first query is the one that was waited for: a window
 * must span several batches, or one that came late would make its statement slow.
 */
const MEAN_OF = 64;
const SHARE_OF = 64;
/** With fewer executions a share says nothing. */
const SHARE_FROM = 32;
const P95_SHARE = 0.05;

/** The mean after one more execution. The first ones count in full: one execution is enough to know a statement that is always slow. */
export function nextMean({ runs, meanMs }: StatementTimes, tookMs: number): number {
  return meanMs + (tookMs - meanMs) / Math.min(runs + 1, MEAN_OF);
}

/** The share of long executions after one more. */
export function nextSlowShare(
  { runs, slowShare }: StatementTimes,
  tookMs: number,
  { slowP95Ms }: SlowTuning,
): number {
  return slowShare + ((tookMs > slowP95Ms ? 1 : 0) - slowShare) / Math.min(runs + 1, SHARE_OF);
}

/** A statement that takes so many times what statements take at present is slow by itself. */
const OUTLIER = 4;

/**
 * A server that is short of CPU makes every statement take long, and is helped by sharing: so a statement is slow only when even its
 * quickest executions are, or when it stands out from what statements take at present (`typicalMs`). One that was slow shares
 * again only when it is clearly fast: at half the bounds.
 */
export function isSlow(
  times: StatementTimes,
  typicalMs: number,
  wasSlow: boolean,
  tuning: SlowTuning,
): boolean {
  const factor = wasSlow ? 0.5 : 1;
  const { runs, meanMs, slowShare, leastMs } = times;
  const meanBound = tuning.slowMeanMs * factor;
  if (meanMs > meanBound && (leastMs > meanBound / 2 || meanMs > typicalMs * OUTLIER * factor)) {
    return true;
  }
  const standsOut = tuning.slowP95Ms > typicalMs * OUTLIER;
  return runs >= SHARE_FROM && standsOut && slowShare > P95_SHARE * factor;
}
