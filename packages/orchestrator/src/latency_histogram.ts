/** Counts per octave above the exact range: 8 bits of mantissa, so a bucket is at most 0.4 % wide. */
const SUB_BUCKETS = 256;
/** Below 512 µs every microsecond has its own bucket. */
const EXACT_BELOW = 2 * SUB_BUCKETS;
const EXACT_OCTAVE = 9;
const LAST_OCTAVE = 30;
const BUCKETS = EXACT_BELOW + (LAST_OCTAVE - EXACT_OCTAVE + 1) * SUB_BUCKETS;
const LARGEST_US = 2 ** (LAST_OCTAVE + 1) - 1;

/** What a histogram knows of a duration. Milliseconds with microsecond resolution; all 0 while `count` is 0. */
export interface LatencySummary {
  readonly count: number;
  readonly mean: number;
  readonly stddev: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** A bucket that was hit: `count` values up to and including `upToMs`, above the bucket before. */
export interface LatencyBucket {
  readonly upToMs: number;
  readonly count: number;
}

/**
 * Durations from 1 µs to 35 minutes in 24 KiB, exact below 512 µs and within 0.4 % above: log-linear, the layout of
 * HdrHistogram. Own code, because the criteria start below one millisecond, and `perf_hooks.createHistogram`, which
 * also resolves that, cannot give its buckets out (a percentile curve and a merge need them).
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { LatencyHistogram } from '@fynlo/orchestrator';
 *
 * const histogram = new LatencyHistogram();
 * for (let us = 1; us <= 1000; us++) histogram.record(us / 1000);
 * assert.equal(histogram.summary().count, 1000);
 * assert.ok(Math.abs(histogram.percentile(95) - 0.95) < 0.005);
 * ```
 */
export class LatencyHistogram {
  readonly #counts: Float64Array = new Float64Array(BUCKETS);
  #count = 0;
  #sum = 0;
  #sumOfSquares = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  /** Exact, not from buckets. */
  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }

  /**
   * Rebuilt from what `buckets()` gave out, to be read again or merged. Counts and percentiles are the same; mean and
   * deviation are those of the buckets' upper edges, so up to 0.4 % higher.
   */
  static from(buckets: readonly LatencyBucket[]): LatencyHistogram {
    const histogram = new LatencyHistogram();
    for (const { upToMs, count } of buckets) histogram.#add(upToMs, count);
    return histogram;
  }

  /** @param ms a duration; a negative one (a clock's rounding) counts as 0. */
  record(ms: number): void {
    this.#add(Math.max(ms, 0), 1);
  }

  #add(value: number, count: number): void {
    const slot = bucketOf(Math.round(value * 1000));
    this.#counts[slot] = (this.#counts[slot] ?? 0) + count;
    this.#count += count;
    this.#sum += value * count;
    this.#sumOfSquares += value * value * count;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
  }

  /** Adds everything `other` counted. */
  merge(other: LatencyHistogram): void {
    for (let i = 0; i < BUCKETS; i++) {
      this.#counts[i] = (this.#counts[i] ?? 0) + (other.#counts[i] ?? 0);
    }
    this.#count += other.#count;
    this.#sum += other.#sum;
    this.#sumOfSquares += other.#sumOfSquares;
    this.#min = Math.min(this.#min, other.#min);
    this.#max = Math.max(this.#max, other.#max);
  }

  /** The smallest recorded value that at least `percent` % of the values do not exceed (upper edge of its bucket). */
  percentile(percent: number): number {
    return this.#atRank(Math.ceil((percent / 100) * this.#count));
  }

  /**
   * A 95 % confidence interval of a percentile by order statistics (normal approximation of the binomial), free of any
   * assumption about the distribution. `undefined` while there are too few values for the upper rank to exist.
   */
  percentileInterval(percent: number): readonly [number, number] | undefined {
    const q = percent / 100;
    const half = 1.96 * Math.sqrt(this.#count * q * (1 - q));
    const low = Math.floor(this.#count * q - half);
    const high = Math.ceil(this.#count * q + half);
    return low < 1 || high > this.#count ? undefined : [this.#atRank(low), this.#atRank(high)];
  }

  summary(): LatencySummary {
    return {
      count: this.#count,
      mean: round(this.mean),
      stddev: round(this.#stddev()),
      min: round(this.#count === 0 ? 0 : this.#min),
      p50: this.percentile(50),
      p90: this.percentile(90),
      p95: this.percentile(95),
      p99: this.percentile(99),
      p999: this.percentile(99.9),
      max: round(this.#max),
    };
  }

  /** The buckets that were hit, in order: enough to draw the distribution or to merge it elsewhere. */
  buckets(): LatencyBucket[] {
    const hit: LatencyBucket[] = [];
    for (let i = 0; i < BUCKETS; i++) {
      const count = this.#counts[i] ?? 0;
      if (count > 0) hit.push({ upToMs: upperEdgeUs(i) / 1000, count });
    }
    return hit;
  }

  #atRank(rank: number): number {
    if (this.#count === 0) return 0;
    let seen = 0;
    for (let i = 0; i < BUCKETS; i++) {
      seen += this.#counts[i] ?? 0;
      if (seen >= rank) return round(Math.min(upperEdgeUs(i) / 1000, this.#max));
    }
    return round(this.#max);
  }

  #stddev(): number {
    if (this.#count < 2) return 0;
    const variance = (this.#sumOfSquares - this.#sum ** 2 / this.#count) / (this.#count - 1);
    return Math.sqrt(Math.max(0, variance));
  }
}

function bucketOf(us: number): number {
  if (us < EXACT_BELOW) return us;
  const value = Math.min(us, LARGEST_US);
  const octave = 31 - Math.clz32(value);
  const shift = octave - (EXACT_OCTAVE - 1);
  return EXACT_BELOW + (octave - EXACT_OCTAVE) * SUB_BUCKETS + ((value >>> shift) - SUB_BUCKETS);
}

function upperEdgeUs(bucket: number): number {
  if (bucket < EXACT_BELOW) return bucket;
  const octave = EXACT_OCTAVE + Math.floor((bucket - EXACT_BELOW) / SUB_BUCKETS);
  const width = 2 ** (octave - (EXACT_OCTAVE - 1));
  const within = (bucket - EXACT_BELOW) % SUB_BUCKETS;
  return (SUB_BUCKETS + within + 1) * width - 1;
}

/** To the nanosecond: further digits are noise of the floating point sum, and only lengthen the files. */
function round(ms: number): number {
  return Math.round(ms * 1e6) / 1e6;
}
