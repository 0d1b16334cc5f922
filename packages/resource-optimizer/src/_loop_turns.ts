import type { Clock } from './clock.ts';

/** A turn that begins this soon after the last one ended began without the loop having slept. */
const ADJACENT_MS = 5;
/** A turn with fewer requests than this in it was one long function, not a queue being served. */
const MIN_REQUESTS = 2;

/**
 * The queue nobody sees: requests that have arrived at the sockets while the event loop was busy. They are handled one after
 * the other within one turn of the loop; the one handled now has waited since this turn began, and for up to the turn
 * before it, during which it came. One immediate per turn marks the turns; a clock is read by the caller.
 */
export class LoopTurns {
  readonly #clock: Clock;
  #startedMs: number | undefined;
  #requests = 0;
  #previousMs = 0;
  #previousEndMs = Number.NEGATIVE_INFINITY;
  #carriedMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A request is being handled. */
  enter(now: number): void {
    this.#requests++;
    if (this.#startedMs !== undefined) return;
    this.#startedMs = now;
    this.#carriedMs = now - this.#previousEndMs <= ADJACENT_MS ? this.#previousMs : 0;
    setImmediate(() => this.#leave());
  }

  /** How long the request handled now may have waited, in ms; 0 between turns. */
  waitedMs(now: number): number {
    return this.#startedMs === undefined ? 0 : now - this.#startedMs + this.#carriedMs;
  }

  #leave(): void {
    if (this.#startedMs === undefined) return;
    this.#previousEndMs = this.#clock.now();
    this.#previousMs = this.#requests >= MIN_REQUESTS ? this.#previousEndMs - this.#startedMs : 0;
    this.#startedMs = undefined;
    this.#requests = 0;
  }
}
