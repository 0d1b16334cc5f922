import { setTimeout as sleep } from 'node:timers/promises';
import type { TrackedPool } from './tracked_pool.ts';
import { within } from './within.ts';

export interface CallersOptions {
  readonly callers: number;
  readonly text?: string;
  /** What a caller does after an error: a service answers 503 and gets the next request, ms. @default 20 */
  readonly pauseMs?: number;
  /** How long it thinks after an answer, ms. @default 0 */
  readonly betweenMs?: number;
}

/** Callers that ask again and again, and remember when they were served. */
export class Callers {
  readonly errors: Error[] = [];
  served = 0;
  readonly #lastServed: Float64Array;
  /** One time stamp in 5 ms is enough. */
  readonly servedAt: number[] = [];
  readonly #loops: Promise<void>[];
  #stopped = false;

  constructor(pool: Pick<TrackedPool, 'query'>, options: CallersOptions) {
    this.#lastServed = new Float64Array(options.callers);
    this.#loops = Array.from({ length: options.callers }, (_, caller) =>
      this.#ask(pool, caller, options),
    );
  }

  /** How long after `at` the first answer came, ms; Infinity: none has come. */
  firstServedAfter(at: number): number {
    return (this.servedAt.find((time) => time >= at) ?? Number.POSITIVE_INFINITY) - at;
  }

  /** Callers that have had no answer since `at`. */
  unservedSince(at: number): number {
    return this.#lastServed.filter((time) => time < at).length;
  }

  /** The longest pause between two answers since `from`, ms. */
  longestPause(from: number): number {
    const times = [from, ...this.servedAt.filter((time) => time >= from), performance.now()];
    return Math.max(...times.slice(1).map((time, i) => time - (times[i] ?? time)));
  }

  /** Asks no further question, and waits so long for the answers under way. */
  async stop(withinMs = 2_000): Promise<void> {
    this.#stopped = true;
    await within(withinMs, Promise.all(this.#loops));
  }

  async #ask(
    pool: Pick<TrackedPool, 'query'>,
    caller: number,
    options: CallersOptions,
  ): Promise<void> {
    const { text = 'select 1', pauseMs = 20, betweenMs = 0 } = options;
    while (!this.#stopped) {
      try {
        await pool.query(text);
        const now = performance.now();
        this.served++;
        this.#lastServed[caller] = now;
        if (now - (this.servedAt.at(-1) ?? 0) > 5) this.servedAt.push(now);
        if (betweenMs > 0) await sleep(betweenMs);
      } catch (error) {
        this.errors.push(error as Error);
        await sleep(pauseMs);
      }
    }
  }
}
