/** How often it looks, ms. */
const EVERY_MS = 5;
/** A look so much later than it should be is a stall, ms: less is the timer's own grain. */
const GRAIN_MS = 2;
/** There are 200 in a second at most, and a case asks about its last deadline only. */
const KEPT = 10_000;

/**
 * When this process could not run: its own loop was blocked, or the machine ran something else. Nobody is answered in that
 * time, whatever library is asked, so it is no part of how late an answer is.
 */
export class LoopStalls {
  readonly #stalls: { readonly from: number; readonly to: number }[] = [];
  readonly #timer: NodeJS.Timeout;
  #due = performance.now() + EVERY_MS;

  constructor() {
    this.#timer = setInterval(() => this.#look(), EVERY_MS).unref();
  }

  /** How much of the time from `from` until now was lost, ms. */
  lostSince(from: number): number {
    const now = performance.now();
    // The stall that has just ended: whoever asks may come before the look that records it.
    let lost = Math.max(0, now - Math.max(this.#due, from));
    for (let i = this.#stalls.length - 1; i >= 0; i--) {
      const stall = this.#stalls[i];
      if (stall === undefined || stall.to <= from) break;
      lost += stall.to - Math.max(stall.from, from);
    }
    return lost;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    if (now - this.#due > GRAIN_MS) this.#stalls.push({ from: this.#due, to: now });
    if (this.#stalls.length > KEPT) this.#stalls.splice(0, KEPT / 2);
    this.#due = now + EVERY_MS;
  }
}
