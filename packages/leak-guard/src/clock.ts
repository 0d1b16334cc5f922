/** A timer that can be taken back. */
export interface Timer {
  cancel(): void;
}

/** Where time comes from; tests put a virtual one in its place. */
export interface Clock {
  /** Milliseconds that only ever go forward. */
  now(): number;
  /** Milliseconds since the Unix epoch; may jump. */
  wallNow(): number;
  /** Calls `fn` once, after `ms`. Never keeps the process alive. */
  setTimeout(fn: () => void, ms: number): Timer;
}

/** The machine's clock. Its timers are unref'ed: a guard must not keep a finished program running. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimeout(fn, ms) {
    const timer = setTimeout(fn, ms).unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
