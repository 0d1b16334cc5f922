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
}

/** About so many executions back count in the mean: a single outlier of 50 ms moves it by 3 ms. */
const MEAN_OF = 16;
/** And in the share, which has to resolve 5 %; with fewer it says nothing. */
const SHARE_OF = 32;
const SHARE_FROM = 20;
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

/** One that was slow shares again only when it is clearly fast: at half the bounds. */
export function isSlow(times: StatementTimes, wasSlow: boolean, tuning: SlowTuning): boolean {
  const factor = wasSlow ? 0.5 : 1;
  if (times.meanMs > tuning.slowMeanMs * factor) return true;
  return times.runs >= SHARE_FROM && times.slowShare > P95_SHARE * factor;
}
