import type { IntervalHistogram } from 'node:perf_hooks';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';

/** How late the event loop's timers fired, in ms. All 0 when it was not monitored. */
export interface LoopDelayReading {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** 20 native wake-ups a second cost 0.1 % of a core when idle; a stall may read this much shorter than it was. */
const RESOLUTION_MS = 50;
/** By then the monitor has fired at least once after a reset. */
const GUARD_MS = 2 * RESOLUTION_MS;

/**
 * Measures how late the loop is, by intervals. perf_hooks' monitor alone would lose stalls at the seams: its `reset()` also
 * forgets when it last fired, so nothing that begins before it fires again is recorded. One timer of our own per
 * interval watches over that gap. (Read it from an immediate: of two timers that a stall made due, ours may be the first.)
 */
export class LoopDelay {
  #monitor: IntervalHistogram | undefined;
  #guard: NodeJS.Timeout | undefined;
  #guardDueMs = 0;
  #guardLateMs = 0;

  start(): void {
    if (this.#monitor !== undefined) return;
    this.#monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.#monitor.enable();
    this.#watchGap();
  }

  read(): LoopDelayReading {
    const monitor = this.#monitor;
    if (monitor === undefined) return { p50Ms: 0, p99Ms: 0, maxMs: 0 };
    const pendingMs = this.#guard === undefined ? 0 : performance.now() - this.#guardDueMs;
    const gapMs = Math.max(0, this.#guardLateMs, pendingMs);
    if (monitor.count === 0) return { p50Ms: gapMs, p99Ms: gapMs, maxMs: gapMs };
    // The histogram holds times between two firings, so a punctual loop reads as the resolution.
    const lateMs = (ns: number) => Math.max(0, ns / 1e6 - RESOLUTION_MS);
    return {
      p50Ms: lateMs(monitor.percentile(50)),
      p99Ms: Math.max(gapMs, lateMs(monitor.percentile(99))),
      maxMs: Math.max(gapMs, lateMs(monitor.max)),
    };
  }

  nextInterval(): void {
    if (this.#monitor === undefined) return;
    this.#monitor.reset();
    this.#watchGap();
  }

  stop(): void {
    this.#monitor?.disable();
    this.#monitor = undefined;
    clearTimeout(this.#guard);
    this.#guard = undefined;
    this.#guardLateMs = 0;
  }

  #watchGap(): void {
    clearTimeout(this.#guard);
    this.#guardLateMs = 0;
    this.#guardDueMs = performance.now() + GUARD_MS;
    this.#guard = setTimeout(() => {
      this.#guard = undefined;
      this.#guardLateMs = Math.max(0, performance.now() - this.#guardDueMs);
    }, GUARD_MS).unref();
  }
}
