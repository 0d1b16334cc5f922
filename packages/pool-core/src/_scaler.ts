/**
 * The rhythm in which a pool looks at its load.
 *
 * @module
 */
import type { Ceiling } from './_ceiling.ts';
import { SoonestTimer } from './_deadline.ts';
import type { Decisions } from './_decisions.ts';
import type { Settings } from './_settings.ts';
import type { Thresholds } from './_thresholds.ts';
import type { ResourcePool } from './resource_pool.ts';

/** Who is asked at each look, in this order. */
export interface ScalerParts<C> {
  readonly pool: ResourcePool<C>;
  readonly settings: Settings<C>;
  readonly decisions: Decisions;
  readonly ceiling: Ceiling<C>;
  readonly thresholds: Thresholds<C>;
  /** Called at each look, after the scaler has done its part: opens what is wanted by now. */
  readonly ticked: (now: number) => void;
}

/**
 * One look a second, four while acquires wait, none while nothing is above the floor and nobody uses the pool: an idle pool
 * costs no timer.
 */
export class Scaler<C> {
  readonly #parts: ScalerParts<C>;
  readonly #timer: SoonestTimer;
  #running = false;
  /** Whether somebody waited when the window began, or a moment later. */
  #busy = false;
  /** Between two looks while nobody waits, ms. */
  readonly #calmTickMs: number;

  constructor(parts: ScalerParts<C>) {
    this.#parts = parts;
    const { clock, tuning, exactIdleTimeout, idleTimeoutMs } = parts.settings;
    // An idle connection must be seen before its time is up, or it could not be closed in time.
    this.#calmTickMs = exactIdleTimeout ? Math.min(tuning.tickMs, idleTimeoutMs) : tuning.tickMs;
    this.#timer = new SoonestTimer(clock, (lateMs) => this.#look(lateMs));
  }

  start(): void {
    this.#running = true;
    this.stir(this.#parts.settings.clock.now());
  }

  stop(): void {
    this.#running = false;
    this.#timer.cancel();
  }

  /** Somebody waits or came: look soon. Cheap where a look is due soon anyway. */
  stir(now: number): void {
    if (!this.#running) return;
    const { pool, ceiling, settings } = this.#parts;
    const busy = pool.waiting > 0;
    if (busy && !this.#busy) {
      // What happened until now belongs to another window: in it, nobody waited.
      this.#busy = true;
      ceiling.judge(now, 0, 0);
    }
    this.#timer.arm(now + (busy ? settings.tuning.busyTickMs : this.#calmTickMs), now);
  }

  #look(lateMs: number): void {
    if (!this.#running) return;
    const { pool, settings, decisions, ceiling, thresholds, ticked } = this.#parts;
    const now = settings.clock.now();
    decisions.flush();
    ceiling.judge(now, lateMs, pool.waiting);
    this.#busy = pool.waiting > 0;
    thresholds.look(now);
    ceiling.apply();
    if (pool.waiting > 0) ceiling.press(now);
    ticked(now);
    // Settled: nothing can happen that does not stir.
    if (thresholds.settled) decisions.settle();
    else this.stir(now);
    const due = thresholds.evictOnTime(now);
    if (due !== undefined && this.#running) this.#timer.arm(Math.max(due, now), now);
  }
}
