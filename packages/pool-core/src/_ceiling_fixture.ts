/**
 * Windows of a pool under load, and what the ceiling makes of them.
 */
import { nextCeiling } from './_ceiling_limit.ts';
import {
  type CeilingState,
  type CeilingStep,
  type CeilingTuning,
  type CeilingWindow,
  initialCeiling,
} from './_ceiling_state.ts';
import { DEFAULT_TUNING } from './tuning_options.ts';

export const tuning: CeilingTuning = { ...DEFAULT_TUNING, scalingThreshold: 0.8 };

/** A second in which `size` connections were leased all the time and answered `perSecond`. */
export function second(
  now: number,
  size: number,
  perSecond: number,
  more: Partial<CeilingWindow> = {},
): CeilingWindow {
  return {
    now,
    ms: 1_000,
    leasedMs: size * 1_000,
    completions: perSecond,
    heldMs: size * 1_000,
    size,
    opened: 0,
    waiting: 10,
    utilization: 1,
    busyShare: undefined,
    loopBusy: false,
    loopSaturated: false,
    min: 10,
    max: 500,
    ...more,
  };
}

/** Runs windows one after the other; returns each step. */
export function through(state: CeilingState, ...windows: CeilingWindow[]): CeilingStep[] {
  let current = state;
  return windows.map((window) => {
    const step = nextCeiling(current, window, tuning);
    current = step.state;
    return step;
  });
}

export const last = (steps: CeilingStep[]): CeilingStep => steps.at(-1) as CeilingStep;
export const start: CeilingState = initialCeiling(tuning);
