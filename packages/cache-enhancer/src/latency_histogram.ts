/** Of durations, in milliseconds. */
export interface LatencySummary {
  count: number;
  mean: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

const SUB_BUCKETS = 32;
const SUB_BITS = 5;
const BUCKETS = 40 * SUB_BUCKETS;

/** Log-linear histogram over nanoseconds: 32 steps per power of two, so a quantile is at most 3.2 % too high. 10 KB, no allocation. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;

  /** @param weight how many requests this one stands for, where only some are timed */
  record(ms: number, weight = 1): void {
    const index = bucketOf(ms * 1e6);
    this.#counts[index] = (this.#counts[index] ?? 0) + weight;
    this.#count += weight;
    this.#sumMs += ms * weight;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  /** Adds all of `other`. */
  add(other: LatencyHistogram): void {
    for (let i = 0; i < BUCKETS; i++) {
      this.#counts[i] = (this.#counts[i] ?? 0) + (other.#counts[i] ?? 0);
    }
    this.#count += other.#count;
    this.#sumMs += other.#sumMs;
    this.#maxMs = Math.max(this.#maxMs, other.#maxMs);
  }

  summary(): LatencySummary {
    return {
      count: this.#count,
      mean: this.#count === 0 ? 0 : this.#sumMs / this.#count,
      p50: this.#quantile(0.5),
      p95: this.#quantile(0.95),
      p99: this.#quantile(0.99),
      max: this.#maxMs,
    };
  }

  #quantile(q: number): number {
    let left = q * this.#count;
    if (left === 0) return 0;
    for (let i = 0; i < BUCKETS; i++) {
      left -= this.#counts[i] ?? 0;
      if (left <= 0) return Math.min(upperEdge(i) / 1e6, this.#maxMs);
    }
    return this.#maxMs;
  }
}

function bucketOf(ns: number): number {
  if (ns < SUB_BUCKETS) return Math.max(0, Math.floor(ns));
  const power = Math.floor(Math.log2(ns)) - SUB_BITS;
  const step = Math.floor(ns / 2 ** power) - SUB_BUCKETS;
  return Math.min(BUCKETS - 1, (power + 1) * SUB_BUCKETS + step);
}

function upperEdge(index: number): number {
  if (index < SUB_BUCKETS) return index + 1;
  const power = Math.floor(index / SUB_BUCKETS) - 1;
  return ((index % SUB_BUCKETS) + SUB_BUCKETS + 1) * 2 ** power;
}
