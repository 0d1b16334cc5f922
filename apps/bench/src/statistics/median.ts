/** The median of the values; NaN for none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The q-quantile (0..1) by linear interpolation between order statistics; NaN for no values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * q;
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below === above ? below : below + (above - below) * (position - Math.floor(position));
}

/** An interval that covers the true median, and how surely. */
export interface MedianInterval {
  readonly low: number;
  readonly high: number;
  /** 0.95 or more from six values on; with fewer it is what the outermost values give (0.9375 for five). */
  readonly confidence: number;
}

/**
 * The distribution-free interval of the median: the narrowest pair of order statistics that covers it with the wanted
 * confidence, by the binomial distribution (as benchstat does). No outlier is dropped.
 */
export function medianInterval(values: readonly number[], confidence = 0.95): MedianInterval {
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  if (n === 0) return { low: Number.NaN, high: Number.NaN, confidence: 0 };
  let trim = 0;
  let covered = coverage(n, 0);
  while (2 * (trim + 1) < n && coverage(n, trim + 1) >= confidence) {
    trim++;
    covered = coverage(n, trim);
  }
  return { low: sorted[trim] ?? 0, high: sorted[n - 1 - trim] ?? 0, confidence: covered };
}

/** P(the median lies within the order statistics trim+1 .. n-trim). */
function coverage(n: number, trim: number): number {
  let outside = 0;
  let choose = 1;
  for (let k = 0; k <= trim; k++) {
    outside += choose;
    choose = (choose * (n - k)) / (k + 1);
  }
  return Math.max(0, 1 - (2 * outside) / 2 ** n);
}
