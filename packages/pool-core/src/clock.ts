/**
 * Time as the pool sees it, so that tests can move it by hand.
 *
 * @module
 */

import { AsyncResource } from 'node:async_hooks';

/** Something that was set to happen later. */
export interface Timer {
  /** Keeps it from happening; harmless when it has happened. */
  cancel(): void;
}

/** What the pool asks of time. */
export interface Clock {
  /** Milliseconds that only ever go forward; every deadline and duration is measured by it. */
  now(): number;
  /**
   * The same for what is measured thousands of times a second: may stand still while calls come thick and fast, at the longest until
   * the event loop turns, as the time that Node's own timers count from does. Never behind what either has answered before.
   *
   * @default now()
   */
  coarseNow?(): number;
  /** Milliseconds since the Unix epoch, for the eyes of people; may jump. */
  wallNow(): number;
  /** Calls `fn` once, after `ms`. Must not keep the process alive. */
  setTimeout(fn: () => void, ms: number): Timer;
}

/** Node's longest timer: what is asked for beyond it would fire after 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Reading the time costs 25 to 60 ns, which is as much as the rest of an acquire and its release. Reads closer together than this
 * (ms) are a storm: each exact one is followed by some that repeat it.
 */
const STORM_GAP_MS = 0.004;
const REPEATS = 15;

// Node's own, before anybody puts a fake in its place: a turn must end.
const { setImmediate } = globalThis;

let last = 0;
/** How many calls the last exact reading was good for beside its own, and how many of them are left. */
let granted = 0;
let repeats = 0;
let turning = false;

function readClock(): number {
  granted = 0;
  repeats = 0;
  last = performance.now();
  return last;
}

function turned(): void {
  turning = false;
  granted = 0;
  repeats = 0;
}

/** The machine's clock. Its timers are unref'ed: a pool alone never keeps a process alive, its sockets do. */
export const systemClock: Clock = {
  now: readClock,
  coarseNow() {
    if (repeats > 0) {
      repeats--;
      return last;
    }
    const stormUntil = last + STORM_GAP_MS * (granted + 1);
    const now = readClock();
    if (now < stormUntil) {
      granted = REPEATS;
      repeats = REPEATS;
      if (!turning) {
        turning = true;
        setImmediate(turned);
      }
    }
    return now;
  },
  wallNow: () => Date.now(),
  setTimeout(fn, ms) {
    const timer = NOBODY.runInAsyncScope(startTimer, undefined, fn, Math.min(ms, LONGEST_TIMER_MS));
    return { cancel: () => clearTimeout(timer) };
  },
};

/**
 * A timer keeps the AsyncLocalStorage stores it was set in, and each of a chain those of the first: the pool's would hold on to what
 * belongs to the request that happened to set it, for as long as there is load, and hide a lease kept there from being proven lost.
 */
const NOBODY = new AsyncResource('FYNLO_POOL', { requireManualDestroy: true });

function startTimer(fn: () => void, ms: number): NodeJS.Timeout {
  return setTimeout(fn, ms).unref();
}
