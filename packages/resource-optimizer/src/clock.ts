/** A timer that can be called off. */
export interface TimerLike {
  cancel(): void;
}

/** Where the shells of this package read time and wait; tests pass a virtual one. */
export interface Clock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Milliseconds since the Unix epoch. */
  wallNow(): number;
  /**
   * Calls `fn` once after `ms`. Timers do not keep the process alive unless `ref` is set: background work never does,
   * a wait that a caller awaits does (else a script ends in the middle of its own `await`).
   */
  setTimeout(fn: () => void, ms: number, options?: { readonly ref?: boolean }): TimerLike;
}

/** The machine's time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimeout(fn, ms, options) {
    const timer = setTimeout(fn, ms);
    if (options?.ref !== true) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
