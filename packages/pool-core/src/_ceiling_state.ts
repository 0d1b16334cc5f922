/**
 * What the search for the ceiling remembers between windows, and how it moves on: held, freed, one step further. Pure.
 *
 * @module
 */
import { type Evidence, NOTHING, type Sum } from './_evidence.ts';
import { NO_TREND, type Trend } from './_throughput_trend.ts';
import type { Tuning } from './tuning_options.ts';

/**
 * `free`: growing is allowed, step by step; up to a finite ceiling, it is a probe. `held`: the last step bought too
 * little. `trial`: the ceiling was lowered, and it is being watched whether that cost throughput.
 */
export interface CeilingState {
  readonly phase: 'free' | 'held' | 'trial';
  /** Not above this, however long. */
  readonly ceiling: number;
  /** Not above this before the next judgement. */
  readonly step: number;
  readonly sum: Sum;
  /** What growth is held against. */
  readonly anchor: Evidence | undefined;
  /** When held: how things were when it began. When on trial: before the cut. */
  readonly before: Evidence | undefined;
  /** The best rate of the recent past, decaying. */
  readonly best: number;
  /** When the hold began: a lull shorter than a hold does not make it forgotten. */
  readonly heldAt: number;
  /** When the next probe is due. */
  readonly holdUntil: number;
  /** How long the next hold is. */
  readonly holdMs: number;
  /** The size before the trouble that the ceiling was set for. */
  readonly restore: number;
  /** How far the next probe goes, as a share of the size. */
  readonly stride: number;
  /** Whether the next probe is whether fewer connections do the same work. They alternate. */
  readonly probeDown: boolean;
  /** Whether the pool was what limited in the last window. What it did then and before is not added up. */
  readonly limited: boolean;
  /** Whether the last window was left out, as connections were being opened. */
  readonly opening: boolean;
  /** Whether the event loop held growth back in the last window. */
  readonly loopHeld: boolean;
  /** How throughput has gone with size, over the last judgements. */
  readonly trend: Trend;
}

/** One window of a pool. */
export interface CeilingWindow extends Sum {
  readonly now: number;
  readonly size: number;
  /** Connections that were opened in it. */
  readonly opened: number;
  readonly waiting: number;
  readonly utilization: number;
  /** Share of the leased connections that work for their holder; undefined where that cannot be seen. */
  readonly busyShare: number | undefined;
  /** Whether this process's own event loop hardly ever waited for anything. */
  readonly loopBusy: boolean;
  /** Whether this process's own event loop is saturated: then holds and waits say nothing about the server. */
  readonly loopSaturated: boolean;
  readonly min: number;
  readonly max: number;
}

/** The numbers of the ceiling. */
export interface CeilingTuning extends Tuning {
  readonly scalingThreshold: number;
}

/** Why the ceiling is another now, for the event log. A step further as the pool grows needs no reason of its own. */
export interface CeilingChange {
  readonly reason: 'ceiling-frozen' | 'ceiling-cut' | 'ceiling-probe' | 'event-loop-saturated';
  readonly inputs: Readonly<Record<string, number>>;
}

/** The next state, and what changed if anything did. */
export interface CeilingStep {
  readonly state: CeilingState;
  readonly change?: CeilingChange;
}

/** A pool that has seen nothing yet. */
export function initialCeiling(tuning: CeilingTuning): CeilingState {
  return {
    phase: 'free',
    ceiling: Number.POSITIVE_INFINITY,
    step: tuning.growthStepFloor,
    sum: NOTHING,
    anchor: undefined,
    before: undefined,
    best: 0,
    heldAt: 0,
    holdUntil: 0,
    holdMs: tuning.ceilingHoldMs,
    restore: 0,
    stride: tuning.probeStride,
    probeDown: false,
    limited: false,
    opening: false,
    loopHeld: false,
    trend: NO_TREND,
  };
}

/** Not above `ceiling` for a while, and later again each time that was right. */
export function hold(
  state: CeilingState,
  ceiling: number,
  before: Evidence | undefined,
  window: CeilingWindow,
  tuning: CeilingTuning,
): CeilingState {
  return {
    ...state,
    phase: 'held',
    ceiling,
    step: Math.max(ceiling, window.min),
    before,
    heldAt: window.now,
    holdUntil: window.now + state.holdMs,
    holdMs: Math.min(tuning.ceilingHoldMaxMs, state.holdMs * tuning.holdGrowth),
  };
}

/** The same for a short while, where the next probe is likely to pay. */
export function quickHold(
  state: CeilingState,
  ceiling: number,
  before: Evidence | undefined,
  window: CeilingWindow,
  tuning: CeilingTuning,
): CeilingState {
  return {
    ...hold(state, ceiling, before, window, tuning),
    holdUntil: window.now + tuning.ceilingHoldMs * tuning.quickHold,
    holdMs: tuning.ceilingHoldMs,
  };
}

/** Without a ceiling: what set it is forgotten. */
export function freed(
  state: CeilingState,
  window: Pick<CeilingWindow, 'size'>,
  tuning: CeilingTuning,
): CeilingState {
  const next: CeilingState = {
    ...state,
    phase: 'free',
    ceiling: Number.POSITIVE_INFINITY,
    sum: NOTHING,
    before: undefined,
    holdMs: tuning.ceilingHoldMs,
    restore: 0,
    stride: tuning.probeStride,
    trend: NO_TREND,
  };
  return { ...next, step: stepFrom(next, window, tuning, tuning.growthStep) };
}

/** A growth by nothing: as far as the pool is. What was allowed before anything was known is taken back. */
export const STAY = 1;

/** Whether there is growth since the anchor that can be judged. */
export function hasGrown(
  anchor: Evidence | undefined,
  evidence: Evidence,
  tuning: CeilingTuning,
): anchor is Evidence {
  return anchor !== undefined && evidence.leased >= anchor.leased * (1 + tuning.judgedGrowth);
}

/** How far the pool may grow before it is judged again: a small step, if nothing is known that speaks for a longer one. */
export function stepFrom(
  state: CeilingState,
  window: Pick<CeilingWindow, 'size'>,
  tuning: CeilingTuning,
  factor: number = tuning.unprovenGrowthStep,
): number {
  if (state.phase !== 'free') return state.step;
  const step = Math.max(tuning.growthStepFloor, Math.ceil(window.size * factor));
  return Math.min(state.ceiling, step);
}
