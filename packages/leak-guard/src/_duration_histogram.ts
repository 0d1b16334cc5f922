/**
 * Durations in buckets whose width grows with them: a record costs a few nanoseconds, a percentile is right to 3 %.
 *
 * @module
 */
import type { DurationSummary } from '@fynlo/pool-core/contract';

/** Buckets for each power of two. */
const PER_OCTAVE = 32;
const PER_OCTAVE_BITS = 5;
/** Up to 2^32 µs, some 71 minutes; longer ones are counted there. */
const OCTAVES = 32 - PER_OCTAVE_BITS;
const LARGEST = 2 ** 32 - 1;

/** Times in ms, kept with microsecond resolution. `perf_hooks` has one too; each record costs it a call into C++. */
export class DurationHistogram {
  readonly #buckets = new Float64Array((OCTAVES + 1) * PER_OCTAVE);
  #count = 0;
  #sum = 0;
  #max = 0;

  record(ms: number): void {
    this.#count++;
    this.#sum += ms;
    if (ms > this.#max) this.#max = ms;
    const bucket = bucketOf(Math.min(LARGEST, Math.max(0, Math.round(ms * 1_000))));
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
  }

  summary(): DurationSummary {
    const count = this.#count;
    if (count === 0) return { count, mean: 0, p50: 0, p90: 0, p95: 0, p99: 0, max: 0 };
    return {
      count,
      mean: this.#sum / count,
      p50: this.#percentile(0.5),
      p90: this.#percentile(0.9),
      p95: this.#percentile(0.95),
      p99: this.#percentile(0.99),
      max: this.#max,
    };
  }

  #percentile(share: number): number {
    let left = Math.ceil(this.#count * share);
    for (const [bucket, count] of this.#buckets.entries()) {
      left -= count;
      if (left <= 0) return Math.min(this.#max, middleOf(bucket) / 1_000);
    }
    return this.#max;
  }
}

/** The first 32 µs have a bucket each; from there on the five bits below the highest choose it. */
function bucketOf(us: number): number {
  if (us < PER_OCTAVE) return us;
  const shift = 31 - Math.clz32(us) - PER_OCTAVE_BITS;
  return (shift + 1) * PER_OCTAVE + ((us >>> shift) - PER_OCTAVE);
}

function middleOf(bucket: number): number {
  if (bucket < PER_OCTAVE) return bucket;
  const shift = Math.floor(bucket / PER_OCTAVE) - 1;
  return ((bucket % PER_OCTAVE) + PER_OCTAVE + 0.5) * 2 ** shift;
}
