/**
 * When a probe (a major collection brought about on purpose, 9–45 ms of loop stall) is worth its price.
 *
 * @module
 */

export interface ProbeFacts {
  /** Monotonic, ms; as is `lastProbeAt`. */
  readonly now: number;
  /** Leases beyond the threshold that no probe has looked into yet. */
  readonly suspects: number;
  /** Leases beyond the threshold that survived probes: held on purpose, most likely. */
  readonly survivors: number;
  /** The most probes that one of these survivors has seen. */
  readonly survivedProbes: number;
  /** Somebody waits for a connection and none is free. */
  readonly starved: boolean;
  /** `-Infinity` when there was none. */
  readonly lastProbeAt: number;
  readonly stallLastMinuteMs: number;
  readonly stallBudgetMs: number;
  /** Event loop utilisation since the last sweep, 0..1. */
  readonly utilization: number;
}

export interface ProbeDecision {
  readonly probe: boolean;
  readonly reason:
    | 'nothing-to-prove'
    | 'new-suspects'
    | 'look-again'
    | 'too-soon'
    | 'stall-budget'
    | 'event-loop-saturated';
}

const AT_LEAST_APART_MS = 1_000;
/** A saturated loop is still probed at this distance, or a leak under full load would never be proven. */
const SATURATED_APART_MS = 10_000;
const SATURATED = 0.9;

/** New suspects are looked into within a second; those that survived are looked into again, ever more rarely. */
export function decideProbe(facts: ProbeFacts): ProbeDecision {
  if (facts.suspects === 0 && facts.survivors === 0)
    return { probe: false, reason: 'nothing-to-prove' };
  const since = facts.now - facts.lastProbeAt;
  if (since < AT_LEAST_APART_MS) return { probe: false, reason: 'too-soon' };
  if (facts.utilization > SATURATED && !facts.starved && since < SATURATED_APART_MS) {
    return { probe: false, reason: 'event-loop-saturated' };
  }
  if (facts.stallLastMinuteMs >= facts.stallBudgetMs && !facts.starved && since < 60_000) {
    return { probe: false, reason: 'stall-budget' };
  }
  if (facts.suspects > 0) return { probe: true, reason: 'new-suspects' };
  return since >= againAfterMs(facts)
    ? { probe: true, reason: 'look-again' }
    : { probe: false, reason: 'too-soon' };
}

/** Doubles with each probe survived: 30 s to 10 min, and 1 s to 1 min while somebody waits for a connection. */
function againAfterMs(facts: ProbeFacts): number {
  const doublings = 2 ** Math.min(20, Math.max(0, facts.survivedProbes - 1));
  return facts.starved
    ? Math.min(60_000, 1_000 * doublings)
    : Math.min(600_000, 30_000 * doublings);
}
