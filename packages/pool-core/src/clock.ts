/**
 * Time as the pool sees it, so that tests can move it by hand.
 *
 * @module
 */

/** Something that was set to happen later. */
export interface Timer {
  /** Keeps it from happening; harmless when it has happened. */
  cancel(): void;
}

/** What the pool asks of time. */
export interface Clock {
  /** Milliseconds that only ever go forward; every deadline and duration is measured by it. */
  now(): number;
  /** Milliseconds since the Unix epoch, for the eyes of people; may jump. */
  wallNow(): number;
  /** Calls `fn` once, after `ms`. Must not keep the process alive. */
  setTimeout(fn: () => void, ms: number): Timer;
}

/** Node's longest timer: what is asked for beyond it would fire after 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The machine's clock. Its timers are unref'ed: a pool alone never keeps a process alive, its sockets do. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimeout(fn, ms) {
    const timer = setTimeout(fn, Math.min(ms, LONGEST_TIMER_MS));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
