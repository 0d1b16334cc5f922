/**
 * Virtual time for whatever takes a clock: an hour passes in a test at once, and in the same order every time.
 *
 * @module
 */
import { setImmediate } from 'node:timers/promises';

/** Something that was set to happen later. */
export interface TimerLike {
  /** Keeps the timer from firing; harmless when it has fired. */
  cancel(): void;
}

/** What the packages' own `Clock` interfaces ask for; each declares it for itself. */
export interface ClockLike {
  /** Milliseconds that only ever go forward. */
  now(): number;
  /** Milliseconds since the epoch; may jump. */
  wallNow(): number;
  /** Calls `fn` once, after `ms`. Does not keep the process alive. */
  setTimeout(fn: () => void, ms: number): TimerLike;
}

interface Timer {
  readonly due: number;
  readonly order: number;
  readonly fn: () => void;
}

/** Node's longest timer. What is asked for beyond it fires after 1 ms, in Node as here, so that a test notices. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * A clock that moves when told to.
 *
 * Timers behave as Node's: never sooner than 1 ms, ties in the order in which they were set, a delay above 2^31-1
 * (or `Infinity`, or `NaN`) taken as 1.
 *
 * @example
 * ```ts
 * import { FakeClock } from '@fynlo/testing/fake-clock';
 *
 * const clock = new FakeClock();
 * let fired = 0;
 * clock.setTimeout(() => fired++, 60_000);
 * await clock.advance(59_999);
 * console.assert(fired === 0);
 * await clock.advance(1);
 * console.assert(fired === 1);
 * ```
 */
export class FakeClock implements ClockLike {
  #now = 0;
  #wallStart: number;
  #order = 0;
  readonly #timers = new Set<Timer>();
  #moving: Promise<void> = Promise.resolve();

  /** @param startMs what `wallNow()` says at the beginning, epoch milliseconds. */
  constructor(startMs: number = 1_700_000_000_000) {
    this.#wallStart = startMs;
  }

  /** Milliseconds advanced so far. */
  now(): number {
    return this.#now;
  }

  /** The wall's time, epoch milliseconds. */
  wallNow(): number {
    return this.#wallStart + this.#now;
  }

  /** Sets the wall clock forward or back, as NTP or an operator may. `now()` and the timers do not feel it. */
  jumpWall(ms: number): void {
    this.#wallStart += ms;
  }

  setTimeout(fn: () => void, ms: number): TimerLike {
    const delay = ms >= 1 && ms <= LONGEST_MS ? ms : 1;
    const timer: Timer = { due: this.#now + delay, order: this.#order++, fn };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** How many timers are set and have not fired. A worker that has stopped leaves none. */
  pendingTimers(): number {
    return this.#timers.size;
  }

  /**
   * Lets time pass: fires what falls due, in order, and lets promises settle before each timer and at the end.
   * Calls queue up behind each other. Rejects with what a timer's function threw; time then stands at that timer.
   */
  advance(ms: number): Promise<void> {
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) {
      return Promise.reject(new RangeError(`advance(${ms}): wanted a finite number from 0 up`));
    }
    const moved = this.#moving.then(() => this.#advance(ms));
    this.#moving = moved.catch(() => undefined);
    return moved;
  }

  /**
   * Time passes while the process does not run: a laptop asleep, an event loop that is blocked. What fell due meanwhile fires
   * afterwards, in order, all at the new time.
   */
  leap(ms: number): Promise<void> {
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) {
      return Promise.reject(new RangeError(`leap(${ms}): wanted a finite number from 0 up`));
    }
    const moved = this.#moving.then(() => {
      this.#now += ms;
      return this.#advance(0);
    });
    this.#moving = moved.catch(() => undefined);
    return moved;
  }

  async #advance(ms: number): Promise<void> {
    const target = this.#now + ms;
    for (;;) {
      await settlePromises();
      const next = this.#next();
      if (next === undefined || next.due > target) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.due);
      next.fn();
    }
    this.#now = target;
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      // A Set keeps the order of insertion, so the first of equals is the one set first.
      if (first === undefined || timer.due < first.due) first = timer;
    }
    return first;
  }
}

/**
 * The queues of microtasks and of nextTick are drained before an immediate runs, however long the promise chains are.
 * Taken from 'node:timers/promises', which fake timers of a test framework leave alone.
 */
async function settlePromises(): Promise<void> {
  await setImmediate();
}
