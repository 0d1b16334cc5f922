/**
 * What is under way on all lanes together.
 */
import type { LaneQuery } from './_lane_query.ts';

/** Counted at each query, never summed up. */
export class LaneLoad {
  /** Sent and not answered. */
  inFlight = 0;
  /** The most of these since the last look. */
  peak = 0;
  /** The same in work, ms. */
  #workMs = 0;
  peakMs = 0;
  /** When a query was last sent (monotonic ms). */
  placedAt: number = Number.NEGATIVE_INFINITY;

  /** A query is being sent. */
  begins(now: number): void {
    if (++this.inFlight > this.peak) this.peak = this.inFlight;
    this.placedAt = now;
  }

  /** It was, and is known to be so much work. */
  begun({ workMs }: LaneQuery): void {
    this.#workMs += workMs;
    if (this.#workMs > this.peakMs) this.peakMs = this.#workMs;
  }

  ended({ workMs }: LaneQuery): void {
    this.inFlight--;
    // Sums of fractions never come back to nothing by themselves.
    this.#workMs = this.inFlight === 0 ? 0 : this.#workMs - workMs;
  }

  /** A look is over: the next peaks begin. */
  looked(): void {
    this.peak = this.inFlight;
    this.peakMs = this.#workMs;
  }
}
