import type { OverloadReason, Priority } from './errors.ts';
import type { PressureLevel } from './pressure_policy.ts';
import { severity } from './pressure_policy.ts';

export interface ShedConfig {
  /** The oldest queued request may be this old. */
  readonly queueAgeMs: number;
  /** An event loop busier than this is saturated. */
  readonly utilization: number;
  /** The queue must be too old for this long before anything is refused. */
  readonly afterMs: number;
  /** It must be calm for this long before shedding ends. */
  readonly releaseMs: number;
  /** A span of this length in which nothing was observed is a stall of the loop, not a queue. */
  readonly stallMs: number;
  /** What piled up during a stall is given as long to drain as the stall took, up to this. */
  readonly maxGraceMs: number;
  /** Stalls that follow a grace sooner are load like any other: a server of long synchronous tasks stalls all the time. */
  readonly graceEveryMs: number;
}

export interface ShedState {
  readonly shedding: boolean;
  readonly overSinceMs: number | undefined;
  readonly calmSinceMs: number | undefined;
  readonly graceUntilMs: number;
  readonly observedAtMs: number | undefined;
}

/** Nothing observed, nothing refused. */
export const OPEN: ShedState = {
  shedding: false,
  overSinceMs: undefined,
  calmSinceMs: undefined,
  graceUntilMs: Number.NEGATIVE_INFINITY,
  observedAtMs: undefined,
};

export interface ShedObservation {
  readonly nowMs: number;
  readonly queueAgeMs: number;
  /** Event loop utilisation of the last interval, 0..1. */
  readonly utilization: number;
  /** False when nobody watched since the last observation, so that a long gap means nothing. */
  readonly watched: boolean;
}

/**
 * One observation further. The queue's age is the signal (CoDel's: what counts is how long the work has waited, not how
 * much of it there is), utilisation only delays the end. A loop that stood still for seconds has an old queue at one
 * load per cent as well: after a stall, its backlog gets the time of the stall to drain before the verdict.
 *
 * @see https://queue.acm.org/detail.cfm?id=2209336
 */
export function nextShed(
  state: ShedState,
  { nowMs, queueAgeMs, utilization, watched }: ShedObservation,
  config: ShedConfig,
): ShedState {
  const gapMs = watched && state.observedAtMs !== undefined ? nowMs - state.observedAtMs : 0;
  const stalled = gapMs > config.stallMs && nowMs - state.graceUntilMs >= config.graceEveryMs;
  const graceUntilMs = stalled ? nowMs + Math.min(gapMs, config.maxGraceMs) : state.graceUntilMs;
  const observedAtMs = nowMs;

  if (queueAgeMs > config.queueAgeMs) {
    const fresh = stalled || !watched || state.overSinceMs === undefined;
    const overSinceMs = fresh ? nowMs : state.overSinceMs;
    const proven =
      overSinceMs !== undefined && nowMs - overSinceMs >= config.afterMs && nowMs >= graceUntilMs;
    const shedding = state.shedding || proven;
    return { shedding, overSinceMs, calmSinceMs: undefined, graceUntilMs, observedAtMs };
  }

  const calm = queueAgeMs <= config.queueAgeMs / 2 && utilization < config.utilization;
  const calmSinceMs = state.shedding && calm ? (state.calmSinceMs ?? nowMs) : undefined;
  const released = calmSinceMs !== undefined && nowMs - calmSinceMs >= config.releaseMs;
  return {
    shedding: state.shedding && !released,
    overSinceMs: undefined,
    calmSinceMs: released ? undefined : calmSinceMs,
    graceUntilMs,
    observedAtMs,
  };
}

export interface AdmissionInput {
  readonly priority: Priority;
  readonly shedding: boolean;
  readonly queueAgeMs: number;
  readonly memory: PressureLevel;
  readonly cpu: PressureLevel;
}

/**
 * Why a request is refused, `undefined` when it is let in. `critical` always is. `low` goes first: at high memory or CPU,
 * and as long as shedding lasts. `normal` goes at critical memory, and while the queue is too old *now*: so the queue is
 * held at the limit and the server stays busy, instead of being starved by an all-or-nothing door.
 */
export function refusal(
  input: AdmissionInput,
  config: Pick<ShedConfig, 'queueAgeMs'>,
): Exclude<OverloadReason, 'queue-full'> | undefined {
  if (input.priority === 'critical') return undefined;
  const high = severity('high');
  if (input.memory === 'critical') return 'memory';
  if (input.shedding && input.queueAgeMs > config.queueAgeMs) return 'queue-age';
  if (input.priority === 'normal') return undefined;
  if (severity(input.memory) >= high) return 'memory';
  if (severity(input.cpu) >= high) return 'cpu';
  return input.shedding ? 'event-loop' : undefined;
}
