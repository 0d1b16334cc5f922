/** Half of the window over which the share is learned. */
const HALF_MS = 500;

interface Half {
  offered: number;
  admitted: number;
}

/**
 * Which share of the requests could be let in lately, and whose turn it is at a given share. Deterministic: no dice, so one
 * in three is every third. Knows no clock; time is an argument.
 */
export class AdmissionShare {
  #current: Half = { offered: 0, admitted: 0 };
  #previous: Half = { offered: 0, admitted: 0 };
  #sinceMs = 0;
  #credit = 0;

  /** Begins anew. */
  reset(nowMs: number): void {
    this.#current = { offered: 0, admitted: 0 };
    this.#previous = { offered: 0, admitted: 0 };
    this.#sinceMs = nowMs;
    this.#credit = 0;
  }

  /** A request came, and was let in or not. */
  count(admitted: boolean, nowMs: number): void {
    if (nowMs - this.#sinceMs >= HALF_MS) {
      this.#previous = this.#current;
      this.#current = { offered: 0, admitted: 0 };
      this.#sinceMs = nowMs;
    }
    this.#current.offered++;
    if (admitted) this.#current.admitted++;
  }

  /** The share let in over the last half to one second, 0..1; 0 without requests. */
  learned(): number {
    const offered = this.#current.offered + this.#previous.offered;
    return offered === 0 ? 0 : (this.#current.admitted + this.#previous.admitted) / offered;
  }

  /** Whether it is this request's turn when `share` of them are to be let in. */
  turn(share: number): boolean {
    if (share >= 1) return true;
    this.#credit += share;
    if (this.#credit < 1) return false;
    this.#credit -= 1;
    return true;
  }
}
