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
  /** A queue that grows younger is let drain for this long before it counts as too old all the same. */
  readonly drainMs: number;
  /** After a span of this length in which nothing was observed the loop stood still: what is seen now is judged anew. */
  readonly stallMs: number;
  /** ... but not more often than this: a server of long synchronous tasks stands still all the time. */
  readonly stallEveryMs: number;
}

export interface ShedState {
  readonly shedding: boolean;
  /** When the queue was found too old, and how old it was then; `undefined` while it is not. */
  readonly over: { readonly sinceMs: number; readonly ageMs: number } | undefined;
  readonly calmSinceMs: number | undefined;
  readonly stalledAtMs: number;
  readonly observedAtMs: number | undefined;
}

/** Nothing observed, nothing refused. */
export const OPEN: ShedState = {
  shedding: false,
  over: undefined,
  calmSinceMs: undefined,
  stalledAtMs: Number.NEGATIVE_INFINITY,
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

/** The queue drains when its age falls by at least this much of the time that passes: the load is under 80 %. */
const DRAINING = 0.25;

/**
 * One observation further. The queue's age is the signal (CoDel's: what counts is how long the work has waited, not how
 * much of it there is), utilisation only delays the end. A loop that stood still for two seconds has an old queue at any
 * load; then its age falls, while under overload it rises or stays. So a falling age is no verdict, for a while.
 *
 * @see https://queue.acm.org/detail.cfm?id=2209336
 */
export function nextShed(
  state: ShedState,
  { nowMs, queueAgeMs, utilization, watched }: ShedObservation,
  config: ShedConfig,
): ShedState {
  const gapMs = watched && state.observedAtMs !== undefined ? nowMs - state.observedAtMs : 0;
  const stalled = gapMs > config.stallMs && nowMs - state.stalledAtMs >= config.stallEveryMs;
  const common = { stalledAtMs: stalled ? nowMs : state.stalledAtMs, observedAtMs: nowMs };

  if (queueAgeMs > config.queueAgeMs) {
    const anew = stalled || !watched || state.over === undefined;
    const over = anew ? { sinceMs: nowMs, ageMs: queueAgeMs } : state.over;
    const shedding = state.shedding || isTooOld(over, nowMs, queueAgeMs, config);
    return { ...common, shedding, over, calmSinceMs: undefined };
  }

  const calm = queueAgeMs <= config.queueAgeMs / 2 && utilization < config.utilization;
  const calmSinceMs = state.shedding && calm ? (state.calmSinceMs ?? nowMs) : undefined;
  const released = calmSinceMs !== undefined && nowMs - calmSinceMs >= config.releaseMs;
  return {
    ...common,
    shedding: state.shedding && !released,
    over: undefined,
    calmSinceMs: released ? undefined : calmSinceMs,
  };
}

function isTooOld(
  over: { readonly sinceMs: number; readonly ageMs: number },
  nowMs: number,
  queueAgeMs: number,
  config: ShedConfig,
): boolean {
  const forMs = nowMs - over.sinceMs;
  if (forMs < config.afterMs) return false;
  const draining = over.ageMs - queueAgeMs >= DRAINING * forMs;
  return !draining || forMs >= config.drainMs;
}

/** Under this part of the limit the queue is short: nobody is held back, or the server would run dry. */
const SHORT = 0.25;
/** What is tried beyond the share that could be served lately. */
const PROBE = 1.25;

/**
 * While shedding: which share of the requests is let in at this age of the queue. The head's age tells of the past: at six times
 * the capacity, a door that is open until the first is 100 ms old lets in 600 ms of work. So between a short queue
 * and the limit only about as many come in as could be served lately.
 *
 * @param learned the share let in lately, 0..1
 */
export function openShare(
  queueAgeMs: number,
  learned: number,
  config: Pick<ShedConfig, 'queueAgeMs'>,
): number {
  if (queueAgeMs > config.queueAgeMs) return 0;
  if (queueAgeMs <= config.queueAgeMs * SHORT) return 1;
  return Math.min(1, learned * PROBE);
}

export interface AdmissionInput {
  readonly priority: Priority;
  readonly shedding: boolean;
  /** While shedding: whether it is this one's turn at {@link openShare}. */
  readonly turn: boolean;
  readonly memory: PressureLevel;
  readonly cpu: PressureLevel;
}

/**
 * Why a request is refused, `undefined` when it is let in. `critical` always is. `low` goes first: at high memory or CPU,
 * and as long as shedding lasts. `normal` goes at critical memory, and by turns while shedding: so the queue is held under the
 * limit and the server stays busy, instead of being starved by an all-or-nothing door.
 */
export function refusal(input: AdmissionInput): Exclude<OverloadReason, 'queue-full'> | undefined {
  if (input.priority === 'critical') return undefined;
  const high = severity('high');
  if (input.memory === 'critical') return 'memory';
  if (input.shedding && !input.turn) return 'queue-age';
  if (input.priority === 'normal') return undefined;
  if (severity(input.memory) >= high) return 'memory';
  if (severity(input.cpu) >= high) return 'cpu';
  return input.shedding ? 'event-loop' : undefined;
}
