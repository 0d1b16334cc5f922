import type { MetricName, Metrics } from '../measure/metric.ts';
import type { Params } from './scenario.ts';

/** What the pools and caches have to settle from one loop to the other, ms. */
const SETTLE_MS = 300;
/** Of the closed loop's time: enough for a p99, and the whole table stays within its hour. */
const SHARE = 0.5;

/** The open loop that follows the closed one in a round, on the same pool or cache; undefined where none does. */
export function openPartOf({
  openRatePerSecond,
  durationMs,
}: Pick<Params, 'openRatePerSecond' | 'durationMs'>):
  | Required<Pick<Params, 'ratePerSecond' | 'warmupMs' | 'durationMs'>>
  | undefined {
  if (openRatePerSecond === undefined) return undefined;
  return {
    ratePerSecond: openRatePerSecond,
    warmupMs: SETTLE_MS,
    durationMs: Math.round(durationMs * SHARE),
  };
}

/** From the first operation of a round to the last that is due, ms. */
export function loadMs(params: Params): number {
  const { warmupMs, durationMs } = openPartOf(params) ?? { warmupMs: 0, durationMs: 0 };
  return params.warmupMs + params.durationMs + warmupMs + durationMs;
}

/** What the open part measures, by what a round of one loop calls it. */
export const AT_RATE = {
  openP50Ms: 'p50Ms',
  openP99Ms: 'p99Ms',
  openLagP99Ms: 'lagP99Ms',
  openOpsPerSecond: 'opsPerSecond',
} as const satisfies Partial<Record<MetricName, MetricName>>;

/** The numbers of an open loop under the names that they have as the second part of a round. */
export function openPartMetrics(metrics: Metrics): Metrics {
  return Object.fromEntries(Object.entries(AT_RATE).map(([name, of]) => [name, metrics[of]]));
}

export function isOfOpenPart(metric: MetricName): metric is keyof typeof AT_RATE {
  return Object.hasOwn(AT_RATE, metric);
}
