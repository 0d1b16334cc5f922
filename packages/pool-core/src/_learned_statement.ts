/**
 * What the executions of one statement have shown.
 */
import { isSlow, nextMean, nextSlowShare, type SlowTuning } from './_slow_statement_policy.ts';

/** Executions that the quickest one is taken of, and of as many before them. */
const LEAST_OF = 16;

/** Executions on connections of its own before a slow statement is tried on a lane; doubled when that shows it slow. */
const TRY_AFTER = 16;
const TRY_AFTER_AT_MOST = 1_024;

/** Fast ones in a row on lanes after which it is no longer slow; doubled each time it is found slow. */
const FAST_NEEDED = 3;
const FAST_NEEDED_AT_MOST = 96;

/** One statement, whatever its literals. */
export class LearnedStatement {
  readonly text: string;
  runs = 0;
  meanMs = 0;
  slowShare = 0;
  slow = false;
  #leastMs: number = Number.POSITIVE_INFINITY;
  #leastBefore: number = Number.POSITIVE_INFINITY;
  #alone = 0;
  #tryAfter: number = TRY_AFTER;
  #fast = 0;
  #fastNeeded: number = FAST_NEEDED;

  /** @param text normalised. */
  constructor(text: string) {
    this.text = text;
  }

  get leastMs(): number {
    return Math.min(this.#leastMs, this.#leastBefore);
  }

  /**
   * Whether a slow statement should be tried on a lane. What it takes on a connection of its own includes what this process takes
   * to notice: in a busy process everything looks slow there, and would for ever.
   */
  get isDue(): boolean {
    return this.#alone >= this.#tryAfter;
  }

  /** It took `ms` by itself on a lane. */
  ranShared(ms: number, typicalMs: number, tuning: SlowTuning): void {
    if (!this.slow) {
      this.#ran(ms, typicalMs, tuning);
      return;
    }
    if (ms > tuning.slowMeanMs / 2) {
      this.#fast = 0;
      this.#alone = 0;
      this.#tryAfter = Math.min(TRY_AFTER_AT_MOST, this.#tryAfter * 2);
      this.#ran(ms, typicalMs, tuning);
    } else if (++this.#fast >= this.#fastNeeded) this.#forgive(ms);
  }

  /** It took `ms` on a connection of its own. */
  ranAlone(ms: number, typicalMs: number, tuning: SlowTuning): void {
    this.#alone++;
    this.#ran(ms, typicalMs, tuning);
  }

  #ran(ms: number, typicalMs: number, tuning: SlowTuning): void {
    this.slowShare = nextSlowShare(this, ms, tuning);
    this.meanMs = nextMean(this, ms);
    if (this.runs++ % LEAST_OF === 0) {
      this.#leastBefore = this.#leastMs;
      this.#leastMs = ms;
    } else if (ms < this.#leastMs) this.#leastMs = ms;
    const was = this.slow;
    this.slow = isSlow(this, typicalMs, was, tuning);
    if (!this.slow || was) return;
    this.#alone = 0;
    this.#tryAfter = TRY_AFTER;
    this.#fast = 0;
    this.#fastNeeded = Math.min(FAST_NEEDED_AT_MOST, this.#fastNeeded * 2);
  }

  #forgive(ms: number): void {
    this.slow = false;
    this.runs = 1;
    this.meanMs = ms;
    this.slowShare = 0;
    this.#leastMs = ms;
    this.#leastBefore = Number.POSITIVE_INFINITY;
  }
}
