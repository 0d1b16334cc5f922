/**
 * Time in which this process did not run, as on a machine with more to do than cores. A deadline that is kept to the millisecond by
 * an idle machine is late by as much, so that is what tests add to their bounds, and no more.
 *
 * @module
 */

const TICK_MS = 10;
/** A timer may be a little late at the best of times. */
const USUAL_MS = 5;

export class LostTime implements Disposable {
  /** Since this was made. */
  ms = 0;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    let last = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      const lateMs = now - last - TICK_MS;
      if (lateMs > USUAL_MS) this.ms += lateMs;
      last = now;
    }, TICK_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
