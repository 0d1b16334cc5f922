import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from 'hdr-histogram-js'; // mergeable histograms and the V2 format other HDR tools read; node's own can do neither

const HIGHEST_MICROS = 600_000_000;

/** Response times of one round, in microseconds, to three significant digits; up to 10 minutes. */
export class Latency {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_MICROS,
    numberOfSignificantValueDigits: 3,
  });

  record(ms: number): void {
    this.#histogram.recordValue(Math.min(HIGHEST_MICROS, Math.max(1, Math.round(ms * 1000))));
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  /** In ms. 0 while nothing was recorded. */
  percentile(p: number): number {
    return this.count === 0 ? 0 : this.#histogram.getValueAtPercentile(p) / 1000;
  }

  get maxMs(): number {
    return this.count === 0 ? 0 : this.#histogram.maxValue / 1000;
  }

  get meanMs(): number {
    return this.count === 0 ? 0 : this.#histogram.mean / 1000;
  }

  /** The V2 compressed form, base64: what the result file keeps. */
  encode(): string {
    return encodeIntoCompressedBase64(this.#histogram);
  }

  static decode(text: string): Latency {
    const latency = new Latency();
    latency.#histogram.add(decodeFromCompressedBase64(text));
    return latency;
  }

  merge(other: Latency): void {
    this.#histogram.add(other.#histogram);
  }
}
