import type { RecordableHistogram } from 'node:perf_hooks';
import { createHistogram, performance } from 'node:perf_hooks';

/** How late the event loop's timers fired, in ms. All 0 when it was not monitored. */
export interface LoopDelayReading {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** 20 wake-ups a second cost 0.2 % of a core when idle; a stall is seen up to this much shorter than it was. */
const RESOLUTION_MS = 50;

/**
 * Measures how late the loop is. Not perf_hooks' `monitorEventLoopDelay`: its `reset()` also forgets when its timer last fired,
 * so a stall during which a sample falls due is lost whenever the sample's timer comes first. Here what is late at the
 * moment of reading counts, and is not counted again.
 */
export class LoopDelay {
  readonly #histogram: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: 3600e6,
    figures: 2,
  });
  #timer: NodeJS.Timeout | undefined;
  #lastMs = 0;

  start(): void {
    if (this.#timer !== undefined) return;
    this.#lastMs = performance.now();
    this.#timer = setInterval(() => this.#record(), RESOLUTION_MS).unref();
  }

  read(): LoopDelayReading {
    if (this.#timer !== undefined && performance.now() - this.#lastMs > RESOLUTION_MS)
      this.#record();
    if (this.#histogram.count === 0) return { p50Ms: 0, p99Ms: 0, maxMs: 0 };
    return {
      p50Ms: this.#histogram.percentile(50) / 1e3,
      p99Ms: this.#histogram.percentile(99) / 1e3,
      maxMs: this.#histogram.max / 1e3,
    };
  }

  nextInterval(): void {
    this.#histogram.reset();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#histogram.reset();
  }

  #record(): void {
    const now = performance.now();
    const lateMs = Math.max(0, now - this.#lastMs - RESOLUTION_MS);
    this.#lastMs = now;
    this.#histogram.record(Math.min(3600e6, Math.max(1, Math.round(lateMs * 1e3))));
  }
}
