/**
 * Timers that are fair to what was already on its way.
 *
 * @module
 */
import type { Clock, Timer } from './clock.ts';

/** A timer this late says that the event loop was blocked, ms. */
const BLOCKED_MS = 50;

/**
 * Calls `fn` after `ms`. When the event loop was blocked meanwhile, the answer that the deadline waits for may lie unread
 * in a socket, and node runs timers before it reads sockets: one more turn is given, so that no healthy connection is
 * thrown away and no acquire refused for the process's own pause (garbage collection, a long computation, a laptop's sleep).
 */
export function deadline(clock: Clock, ms: number, fn: () => void): Timer {
  const due = clock.now() + ms;
  let timer = clock.setTimeout(() => {
    if (clock.now() - due < BLOCKED_MS) fn();
    else timer = clock.setTimeout(fn, 1);
  }, ms);
  return { cancel: () => timer.cancel() };
}

/** A server's time is looked at in so many parts, each at least this long, ms. */
const PARTS = 8;
const PART_MS = 20;

/**
 * The same for what the server has to do (connect, answer a check, undo a session's state): time in which this process did not
 * run is not charged to it. A handshake takes several turns of the loop, and one turn of grace would make a false timeout, and
 * with it a false outage, of every pause of the process. Bounded all the same: after so many parts it is over.
 */
export function serverDeadline(clock: Clock, ms: number, fn: () => void): Timer {
  let left = ms;
  let timer: Timer;
  const look = (): void => {
    const part = Math.min(left, Math.max(ms / PARTS, PART_MS));
    const due = clock.now() + part;
    timer = clock.setTimeout(() => {
      const lateMs = clock.now() - due;
      left -= lateMs < PART_MS ? part + lateMs : part;
      if (left > 0) look();
      else if (lateMs < BLOCKED_MS) fn();
      else timer = clock.setTimeout(fn, 1);
    }, part);
  };
  look();
  return { cancel: () => timer.cancel() };
}

/** One timer for many: it fires at the soonest time asked for. */
export class SoonestTimer {
  readonly #clock: Clock;
  readonly #fn: (lateMs: number) => void;
  #timer: Timer | undefined;
  #at: number = Number.POSITIVE_INFINITY;

  /** @param fn told how late it is called. */
  constructor(clock: Clock, fn: (lateMs: number) => void) {
    this.#clock = clock;
    this.#fn = fn;
  }

  get armed(): boolean {
    return this.#timer !== undefined;
  }

  /** When it fires (monotonic ms); Infinity while it is not armed. */
  get at(): number {
    return this.#at;
  }

  /** Fires at `at`, or sooner if that was asked for before. */
  arm(at: number, now: number): void {
    if (at >= this.#at) return;
    this.#timer?.cancel();
    this.#at = at;
    this.#timer = deadline(this.#clock, Math.max(0, at - now), () => {
      this.#timer = undefined;
      this.#at = Number.POSITIVE_INFINITY;
      this.#fn(this.#clock.now() - at);
    });
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#at = Number.POSITIVE_INFINITY;
  }
}
