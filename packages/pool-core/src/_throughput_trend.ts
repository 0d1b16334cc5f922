/**
 * How throughput has gone with size over the last judgements: the covariance of the two (Uber's Cinnamon). Pure.
 *
 * A comparison of two moments misses a pool that creeps: each step is too small to be judged, and each becomes the
 * measure of the next, while the baseline drifts away below. Over many steps the sign of the covariance shows it.
 *
 * @module
 */
import type { Evidence } from './_evidence.ts';

/** Means, variances and covariance of leased connections and completions per second, the newest weighing most. */
export interface Trend {
  readonly count: number;
  readonly leased: number;
  readonly rate: number;
  readonly leasedVariance: number;
  readonly rateVariance: number;
  readonly covariance: number;
}

/** The numbers of the trend. */
export interface TrendTuning {
  readonly trendMemory: number;
  readonly trendCorrelation: number;
  readonly minElasticity: number;
}

/** Nothing seen. */
export const NO_TREND: Trend = {
  count: 0,
  leased: 0,
  rate: 0,
  leasedVariance: 0,
  rateVariance: 0,
  covariance: 0,
};

/** One more judgement (Welford's update; once the memory is full, with a fixed weight). */
export function withJudgement(trend: Trend, evidence: Evidence, tuning: TrendTuning): Trend {
  const count = Math.min(trend.count + 1, tuning.trendMemory);
  const weight = 1 / count;
  const leasedOff = evidence.leased - trend.leased;
  const rateOff = evidence.rate - trend.rate;
  const mix = (variance: number, product: number): number =>
    (1 - weight) * (variance + weight * product);
  return {
    count,
    leased: trend.leased + weight * leasedOff,
    rate: trend.rate + weight * rateOff,
    leasedVariance: mix(trend.leasedVariance, leasedOff * leasedOff),
    rateVariance: mix(trend.rateVariance, rateOff * rateOff),
    covariance: mix(trend.covariance, leasedOff * rateOff),
  };
}

/** -1..1; 0 where one of the two has not moved. */
export function correlationOf({ covariance, leasedVariance, rateVariance }: Trend): number {
  const scale = Math.sqrt(leasedVariance * rateVariance);
  return scale > 0 ? covariance / scale : 0;
}

/**
 * Whether more connections did less work: said by most of the judgements, and by so much that doubling the size would
 * cost what a growth has to buy at least.
 */
export function isFalling(trend: Trend, tuning: TrendTuning): boolean {
  if (trend.count < tuning.trendMemory / 2 || trend.leasedVariance === 0) return false;
  const slope = (trend.covariance / trend.leasedVariance) * (trend.leased / trend.rate);
  return slope < -tuning.minElasticity && correlationOf(trend) < -tuning.trendCorrelation;
}
