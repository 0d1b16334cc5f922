import type { LatencyBucket } from './latency_histogram.ts';

/** A chart as data; the page's script draws it, and the page's table shows the same numbers. */
export interface ReportChart {
  readonly id: string;
  readonly title: string;
  /** What the reader should see in it. */
  readonly caption: string;
  readonly x: { readonly label: string; readonly log?: boolean };
  readonly y: { readonly label: string; readonly log?: boolean };
  readonly kind: 'lines' | 'bars';
  readonly series: readonly { readonly label: string; readonly step?: boolean }[];
  /** x first, then one array for each series. */
  readonly data: readonly (readonly (number | null)[])[];
  /** Vertical lines. */
  readonly marks: readonly { readonly x: number; readonly label: string }[];
  /** Horizontal lines. */
  readonly limits: readonly { readonly y: number; readonly label: string }[];
}

/** The curve HdrHistogram made known: x is 1 ÷ (1 − percentile), so that each nine takes the same room. */
export function percentileCurve(buckets: readonly LatencyBucket[]): {
  readonly oneIn: number[];
  readonly ms: number[];
} {
  const total = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  const oneIn: number[] = [];
  const ms: number[] = [];
  let below = 0;
  for (const { upToMs, count } of buckets) {
    below += count;
    // The largest value is at "1 in total"; infinity has no place on an axis.
    const x = total / Math.max(1, total - below);
    if (oneIn.at(-1) === x) {
      ms[ms.length - 1] = upToMs;
    } else {
      oneIn.push(x);
      ms.push(upToMs);
    }
  }
  return { oneIn, ms };
}

/** Puts curves with x values of their own onto one axis. */
export function alignSeries(
  curves: readonly { readonly x: readonly number[]; readonly y: readonly number[] }[],
): (number | null)[][] {
  const xs = [...new Set(curves.flatMap(({ x }) => x))].sort((a, b) => a - b);
  const columns = curves.map(({ x, y }) => {
    const byX = new Map(x.map((value, i) => [value, y[i] ?? null]));
    return xs.map((value) => byX.get(value) ?? null);
  });
  return [xs, ...columns];
}

/** A histogram of a few dozen bars of the same width on a logarithmic axis. */
export function logBars(
  buckets: readonly LatencyBucket[],
  bars = 40,
): { readonly upToMs: number[]; readonly share: number[] } {
  const total = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  const first = Math.max(0.001, buckets[0]?.upToMs ?? 0.001);
  const last = Math.max(first * 1.01, buckets.at(-1)?.upToMs ?? first);
  const width = Math.log(last / first) / bars;
  const upToMs = Array.from({ length: bars }, (_, i) => first * Math.exp(width * (i + 1)));
  const share = new Array<number>(bars).fill(0);
  for (const { upToMs: edge, count } of buckets) {
    const bar = Math.min(
      bars - 1,
      Math.max(0, Math.ceil(Math.log(Math.max(edge, first) / first) / width) - 1),
    );
    share[bar] = (share[bar] ?? 0) + (100 * count) / total;
  }
  return { upToMs, share };
}
