/**
 * Whether this process itself is what is slow.
 *
 * @module
 */
// The global one of Deno and Bun has no eventLoopUtilization().
import { performance } from 'node:perf_hooks';

/** What the event loop did since the last look. */
export interface LoopLoad {
  /** Share of the time it was not waiting for events, 0..1. */
  readonly utilization: number;
  /** How late the look itself came, ms. */
  readonly lateMs: number;
}

/**
 * Reads the event loop's utilisation between two ticks of a worker. How late the tick came is the delay; it costs nothing,
 * where `monitorEventLoopDelay` keeps a timer of its own running.
 */
export class LoopMonitor {
  #last = performance.eventLoopUtilization();

  read(lateMs: number): LoopLoad {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#last);
    this.#last = now;
    return { utilization, lateMs };
  }
}
