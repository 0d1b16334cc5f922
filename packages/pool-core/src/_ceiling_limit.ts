/**
 * The size above which more connections buy nothing. Pure.
 *
 * Utilisation cannot find it: a saturated pool is 100 % utilised at any size, so a rule of thresholds alone climbs to its
 * maximum and stays there. Measured on two cores: 7 600 transactions/s with 16 connections, 177 with 500; simulated at half
 * load, one stall of 4 s drives the plain rule to 500, and it never comes back.
 *
 * So growth has to pay. It goes in steps, from a throughput that is level (a process and a server that warm up gain at any size,
 * and the steps of the first seconds would all pass for paid); after a step, the throughput is held against what it was before. Growth that
 * bought less than a quarter of what it would have bought in proportion is the last for a while; a throughput that fell
 * takes the ceiling down, and what was taken is given back if that cost throughput.
 *
 * Nothing is learned while the pool is not what limits, nor while this process's own event loop is, nor from growth whose
 * leases have not ended yet (500 callers that each hold a connection for ten seconds are in their right), nor from
 * connections that are held but not working, where that can be seen: that is the callers' think time. Netflix's and Envoy's
 * limits have the first rule, Uber's Cinnamon the trend of throughput over concurrency instead of latency, which drifts
 * with the query mix.
 *
 * This file sorts the windows: which of them say nothing, and why. `_ceiling_verdict_policy.ts` judges those that do,
 * `_ceiling_state.ts` is what is remembered, `_evidence.ts` and `_throughput_trend.ts` are the arithmetic.
 *
 * @module
 */
import {
  type CeilingChange,
  type CeilingState,
  type CeilingStep,
  type CeilingTuning,
  type CeilingWindow,
  freed,
  hasGrown,
  hold,
  quickHold,
  STAY,
  stepFrom,
} from './_ceiling_state.ts';
import { judgeGrowth, judgeHeld, judgeTrial } from './_ceiling_verdict_policy.ts';
import {
  add,
  comparison,
  completionsFor,
  type Evidence,
  evidenceOf,
  NOTHING,
  type Sum,
} from './_evidence.ts';
import { withJudgement } from './_throughput_trend.ts';

/** The ceiling after one more window. */
export function nextCeiling(
  state: CeilingState,
  window: CeilingWindow,
  tuning: CeilingTuning,
): CeilingStep {
  const limited = window.waiting > 0 || window.utilization > tuning.scalingThreshold;
  if (!limited) return { state: atLeisure(state, window, tuning) };
  if (window.loopSaturated) return heldByLoop(state, window);
  const base = { ...state, limited: true, opening: false, loopHeld: false };
  if (areThinking(window.busyShare, tuning)) {
    const next = forThinkers(base, window, tuning);
    const higher = base.phase !== 'free' || next.step > base.step;
    return higher ? { state: next, change: thinking(window.waiting) } : { state: next };
  }
  if (window.size > Math.max(state.ceiling, window.min)) {
    // Connections above a lowered ceiling are still out: what they do now is neither before nor after.
    return { state: { ...base, sum: NOTHING } };
  }
  const sum = add(state.limited ? state.sum : NOTHING, window);
  const evidence = evidenceOf(sum, window.size, true);
  if (evidence !== undefined && evidence.leased < window.size * tuning.presentShare) {
    // Most of the connections were not there for most of the time (an outage, a cold start): this says nothing of their number.
    return { state: { ...base, step: stepFrom(base, window, tuning), sum: NOTHING } };
  }
  if (collapsed(base, sum, window, tuning)) return holdCollapsed(base, evidence, window, tuning);
  // Connects take a server's time (four of them nearly half of what a quarter of a second can do, on two cores), which says nothing
  // of the size; nothing grows meanwhile. Free growth of which it cannot be seen that it works is judged all the same: callers that
  // think would wait. And never two windows in a row are left out, or a pool whose connections are lost again and again were not
  // judged at all.
  const opening = !state.opening && window.opened >= window.size * tuning.judgedGrowth;
  const unseen = state.phase === 'free' && window.busyShare === undefined;
  if (opening && evidence !== undefined && !unseen)
    return { state: { ...base, opening, sum: NOTHING } };
  if (
    evidence === undefined ||
    sum.completions < completionsNeeded(base, evidence, window, tuning)
  ) {
    return withoutVerdict(base, sum, evidence, window, tuning);
  }
  // What is remembered as possible is what this evidence proves: the best of many noisy windows would be noise.
  const proven = evidence.rate * (1 - 1 / Math.sqrt(sum.completions));
  const best = Math.max(state.best * tuning.bestMemory, proven);
  const trend = withJudgement(state.trend, evidence, tuning);
  const judged = { ...base, sum: NOTHING, best, trend };
  if (state.phase === 'trial') return judgeTrial(judged, evidence, window, tuning);
  if (state.phase === 'held') return judgeHeld(judged, evidence, window, tuning);
  return judgeGrowth(judged, evidence, window, tuning);
}

/** The connections are held by callers that think: as much room again, and nothing to judge. */
export function forThinkers(
  state: CeilingState,
  window: Pick<CeilingWindow, 'size'>,
  tuning: CeilingTuning,
): CeilingState {
  return { ...freed(state, window, tuning), anchor: undefined, best: 0 };
}

/** What is told of it. */
export function thinking(waiting: number): CeilingChange {
  return { reason: 'ceiling-probe', inputs: { waiting, thinking: 1 } };
}

/** Whether this share of working connections says so. */
export function areThinking(busyShare: number | undefined, tuning: CeilingTuning): boolean {
  return busyShare !== undefined && busyShare < tuning.workingShare;
}

/** Nobody waits and there is air: remember how it is, for the comparison when it is not. */
function atLeisure(
  state: CeilingState,
  window: CeilingWindow,
  tuning: CeilingTuning,
): CeilingState {
  const until = Math.max(state.holdUntil, state.heldAt + tuning.ceilingHoldMs);
  const over = state.phase !== 'free' && window.now >= until;
  const next = over ? freed(state, window, tuning) : state;
  const sum = add(state.limited ? NOTHING : state.sum, window);
  const evidence = evidenceOf(sum, window.size, false);
  const enough = evidence !== undefined && sum.completions >= tuning.minCompletions;
  return {
    ...next,
    step: stepFrom(next, window, tuning),
    sum: enough || sum.ms > tuning.evidenceMs ? NOTHING : sum,
    anchor: enough ? evidence : next.anchor,
    limited: false,
    loopHeld: false,
  };
}

function heldByLoop(state: CeilingState, window: CeilingWindow): CeilingStep {
  const { size, waiting, utilization, max } = window;
  const next = { ...state, step: size, sum: NOTHING, limited: true, loopHeld: true };
  if (state.loopHeld || waiting === 0 || size >= max) return { state: next };
  const inputs = { waiting, utilization };
  return { state: next, change: { reason: 'event-loop-saturated', inputs } };
}

/**
 * Whether the server has all but stopped: the connections work, and far less comes back than did a moment ago. That is told
 * from a count long before there are enough completions to know their hold time by; and each process of several that share
 * a server must tell it from its own few.
 */
function collapsed(
  state: CeilingState,
  sum: Sum,
  window: CeilingWindow,
  tuning: CeilingTuning,
): boolean {
  const { anchor, phase, ceiling } = state;
  if (anchor === undefined || window.busyShare === undefined) return false;
  if (phase !== 'free' || ceiling < Number.POSITIVE_INFINITY) return false;
  const expected = (anchor.rate * sum.ms) / 1000;
  return expected >= tuning.minCompletions && sum.completions < expected * tuning.collapsedShare;
}

/** Back to the size from before: the backlog of several processes that all keep what they grabbed would never drain. */
function holdCollapsed(
  state: CeilingState,
  evidence: Evidence | undefined,
  window: CeilingWindow,
  tuning: CeilingTuning,
): CeilingStep {
  const anchor = state.anchor as Evidence;
  const restore = Math.max(window.min, Math.min(anchor.size, window.size));
  const now = evidence ?? {
    leased: window.size,
    size: window.size,
    holdMs: 0,
    rate: 0,
    limited: true,
  };
  const held = hold(
    { ...state, sum: NOTHING, best: now.rate, restore },
    restore,
    now,
    window,
    tuning,
  );
  return {
    state: { ...held, holdUntil: window.now + tuning.ceilingHoldMs * tuning.collapseHold },
    change: { reason: 'ceiling-frozen', inputs: comparison(anchor, now) },
  };
}

/** Too little came back to judge by. */
function withoutVerdict(
  state: CeilingState,
  sum: Sum,
  evidence: Evidence | undefined,
  window: CeilingWindow,
  tuning: CeilingTuning,
): CeilingStep {
  // Growth that is being judged is not followed by more: it would be judged together with that, and never, where each step begins anew.
  const judging = evidence !== undefined && sum.completions >= tuning.minCompletions;
  const factor =
    judging && hasGrown(state.anchor, evidence, tuning) ? STAY : tuning.unprovenGrowthStep;
  const step = stepFrom(state, window, tuning, factor);
  if (sum.ms <= tuning.evidenceMs) return { state: { ...state, step, sum } };
  const fresh = { ...state, step, sum: NOTHING };
  if (evidence !== undefined) {
    if (state.phase === 'trial') return judgeTrial(fresh, evidence, window, tuning);
    if (state.phase === 'held') return judgeHeld(fresh, evidence, window, tuning);
  }
  const probing = state.phase === 'free' && state.ceiling < Number.POSITIVE_INFINITY;
  // Nothing is to be said against the probe: on with it, slowly.
  const onward = { ...fresh, probeDown: false };
  return { state: probing ? quickHold(onward, window.size, state.anchor, window, tuning) : fresh };
}

/**
 * How many leases must have ended for a verdict: as many as tell the change in question from noise, of size or, where less
 * is done than was possible, of throughput. A database that does 300 transactions a second has windows that scatter by a
 * tenth; judged by one of them, its pool is cut again and again down to nothing (simulated: 0.56x of what it could do).
 */
function completionsNeeded(
  state: CeilingState,
  evidence: Evidence,
  window: CeilingWindow,
  tuning: CeilingTuning,
): number {
  const { minCompletions, judgedGrowth, ceilingCut, ceilingFloor } = tuning;
  const lost = state.best > 0 ? 1 - evidence.rate / state.best : 0;
  const forLoss = lost > 1 - ceilingCut ? completionsFor(lost, minCompletions) : minCompletions;
  if (state.phase === 'held') {
    // About to be what a fifth fewer connections are held against.
    const probing = state.probeDown && window.now >= state.holdUntil && window.size > ceilingFloor;
    return probing ? Math.max(forLoss, completionsFor(1 - ceilingCut, minCompletions)) : forLoss;
  }
  const compared = state.phase === 'free' ? state.anchor : state.before;
  if (compared === undefined || compared.leased === 0) return forLoss;
  const change = Math.abs(evidence.leased / compared.leased - 1);
  if (state.phase === 'free' && change < judgedGrowth) return forLoss;
  return Math.max(forLoss, completionsFor(change, minCompletions));
}
