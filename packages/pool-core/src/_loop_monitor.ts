/**
 * Whether this process itself is what is slow.
 *
 * @module
 */
// The global one of Deno and Bun has no eventLoopUtilization().
import { performance } from 'node:perf_hooks';
import { type Clock, systemClock } from './clock.ts';

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
  /** The loop runs in the machine's time: beside any other clock its numbers would mean nothing. */
  readonly #real: boolean;
  #last = performance.eventLoopUtilization();

  constructor(clock: Clock) {
    this.#real = clock === systemClock;
  }

  /** Of the time since the last {@link read}. */
  get utilization(): number {
    return this.#real ? performance.eventLoopUtilization(this.#last).utilization : 0;
  }

  read(lateMs: number): LoopLoad {
    const { utilization } = this;
    this.#last = performance.eventLoopUtilization();
    return { utilization, lateMs };
  }
}
