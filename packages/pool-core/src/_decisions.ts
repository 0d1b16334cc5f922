/**
 * The log of what a pool decided about its size, and why.
 *
 * @module
 */
import { isOfCeiling } from './_decision_words.ts';
import type { Observers } from './_observers.ts';
import type { Clock } from './clock.ts';
import type { ScalingEvent, ScalingReason } from './contract.ts';

type Inputs = Readonly<Record<string, number>>;

/** Something that goes on, one connect or one step at a time. */
type Run = { -readonly [K in keyof ScalingEvent]: ScalingEvent[K] };

/** Remembers the last decisions and tells observers of each. */
export class Decisions {
  /** Decisions that raised the size. */
  ups = 0;
  /** Decisions that lowered it. */
  downs = 0;
  readonly #kept: number;
  readonly #clock: Clock;
  readonly #observers: Observers;
  #ring: ScalingEvent[] = [];
  #run: Run | undefined;
  #climb: Run | undefined;

  constructor(kept: number, clock: Clock, observers: Observers) {
    this.#kept = kept;
    this.#clock = clock;
    this.#observers = observers;
  }

  record(reason: ScalingReason, from: number, to: number, inputs: Inputs): void {
    this.flush();
    if (isOfCeiling(reason)) this.settle();
    this.#push({ at: this.#clock.wallNow(), from, to, reason, inputs });
  }

  /**
   * One more connect of a growth that may go on: a climb from 10 to 500 is one decision per tick, not 490.
   *
   * @param inputs asked for when the growth begins, and not again: a connect costs no object.
   */
  grew(reason: ScalingReason, to: number, inputs: () => Inputs): void {
    const run = this.#run;
    if (run !== undefined && run.reason === reason && to > run.to) {
      run.to = to;
      return;
    }
    this.flush();
    this.#run = { reason, from: to - 1, at: this.#clock.wallNow(), to, inputs: inputs() };
  }

  /** Tells a growth that has gone on until now. */
  flush(): void {
    const run = this.#run;
    this.#run = undefined;
    if (run !== undefined) this.#push(run);
  }

  /**
   * The ceiling moves with the size, and `to` may be `from`. A climb of many steps is one decision, told when it has settled:
   * it turns, it rests, something else moves the ceiling, or somebody asks.
   */
  stepped(from: number, to: number, inputs: Inputs): void {
    const climb = this.#climb;
    const onward = climb !== undefined && to !== from && to > from === climb.to > climb.from;
    if (!onward) this.settle();
    if (to === from) return;
    const at = this.#clock.wallNow();
    this.#climb = { reason: 'ceiling-step', from: onward ? climb.from : from, to, at, inputs };
  }

  /** Tells a climb that has come to rest. */
  settle(): void {
    const climb = this.#climb;
    this.#climb = undefined;
    if (climb !== undefined) this.#push(climb);
  }

  /** The last decisions, the oldest first. */
  list(): readonly ScalingEvent[] {
    this.flush();
    this.settle();
    return this.#ring.slice(-this.#kept);
  }

  #push(event: ScalingEvent): void {
    const ofCeiling = isOfCeiling(event.reason);
    if (!ofCeiling && event.to > event.from) this.ups++;
    if (!ofCeiling && event.to < event.from) this.downs++;
    this.#ring.push(event);
    // Twice the size before it is cut: amortised O(1) without an index to keep.
    if (this.#ring.length >= 2 * this.#kept) this.#ring = this.#ring.slice(-this.#kept);
    this.#observers.tell('scaled', event);
  }
}
