/** The time as the cache sees it: ages and deadlines from `now`, expiry shared between nodes from `wallNow`. */
export interface Clock {
  /** Monotonic milliseconds; never jumps. */
  now(): number;
  /** Milliseconds since 1970. Only ever written into or compared with values in Redis. */
  wallNow(): number;
  /** Calls `fn` after `ms` milliseconds. Must not keep the process alive. */
  setTimeout(fn: () => void, ms: number): { cancel(): void };
}

/** The process's own clock. Its timers are unref'ed: a cache alone never keeps a process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimeout: (fn, ms) => {
    const timer = setTimeout(fn, ms);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
