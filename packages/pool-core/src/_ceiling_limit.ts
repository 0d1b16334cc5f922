/**
 * The size above which more connections buy nothing. Pure.
 *
 * Utilisation cannot find it: a saturated pool is 100 % utilised at any size, so a rule of thresholds alone climbs to its
 * maximum and stays there. Measured on two cores: 7 600 transactions/s with 16 connections, 177 with 500; simulated at half
 * load, one stall of 4 s drives the plain rule to 500, and it never comes back.
 *
 * So growth has to pay. It goes on in steps, each at most `growthStep` times the size before; after a step, the throughput
 * is held against what it was before it. By Little's law throughput is `leased / hold time`, which is the same number as
 * completions per second but does not lag behind a pool that is still growing. Growth without completions is no evidence
 * either way (500 callers that each hold a connection for ten seconds are in their right), and neither is growth whose
 * connections are held but not working, where that can be seen (`isBusy`): that is the callers' think time.
 *
 * Elasticity and the sign of its trend are Uber's and Netflix's lesson (Cinnamon, concurrency-limits): latency alone drifts
 * with the query mix, and nothing may be learned while the pool is not what limits.
 *
 * @module
 */

/** What a pool did at one size. */
export interface Evidence {
  /** Mean number of leased connections. */
  readonly leased: number;
  /** Usable connections at the end. */
  readonly size: number;
  readonly holdMs: number;
  /** Leases completed per second: leased / hold time. */
  readonly rate: number;
}

/** Time, leases and completions added up until they are enough to judge by. */
interface Sum {
  readonly ms: number;
  readonly leasedMs: number;
  readonly completions: number;
  readonly heldMs: number;
}

/**
 * `free`: growing is allowed, step by step. `held`: the last step bought too little. `trial`: the ceiling was cut, and
 * it is being watched whether that cost throughput.
 */
export interface CeilingState {
  readonly phase: 'free' | 'held' | 'trial';
  /** Not above this, however long; Infinity while free. */
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
  readonly holdUntil: number;
  readonly holdMs: number;
  /** Whether the event loop held growth back in the last window. */
  readonly loopHeld: boolean;
}

/** One window of a pool. */
export interface CeilingWindow {
  readonly now: number;
  /** How long it was. */
  readonly ms: number;
  /** Connection-milliseconds leased in it. */
  readonly leasedMs: number;
  /** Leases that ended in it, and how long they had been held together. */
  readonly completions: number;
  readonly heldMs: number;
  readonly size: number;
  readonly waiting: number;
  readonly utilization: number;
  /** Share of the leased connections that work for their holder; undefined where that cannot be seen. */
  readonly busyShare: number | undefined;
  /** Whether this process's own event loop is saturated: then holds and waits say nothing about the server. */
  readonly loopSaturated: boolean;
  readonly min: number;
  readonly max: number;
}

/** The numbers of the ceiling. */
export interface CeilingTuning {
  readonly scalingThreshold: number;
  readonly growthStep: number;
  readonly growthStepFloor: number;
  readonly minElasticity: number;
  readonly ceilingCut: number;
  readonly ceilingHoldMs: number;
  readonly ceilingHoldMaxMs: number;
}

/** A change of the ceiling, for the event log. */
export interface CeilingChange {
  readonly from: number;
  readonly to: number;
  readonly reason: 'ceiling-frozen' | 'ceiling-cut' | 'ceiling-probe' | 'event-loop-saturated';
  readonly inputs: Readonly<Record<string, number>>;
}

/** Completions behind a judgement of a doubled size: hold times scatter by about their mean, so this is +-25 %. */
const MIN_COMPLETIONS = 32;
/** Evidence older than this is about another load, ms. */
const STALE_MS = 5_000;
/** Per judgement; about a minute's memory of what was possible. */
const BEST_DECAY = 0.98;
/** Below this share of working connections the callers' think time decides, not the server. */
const WORKING_SHARE = 0.5;
/** Less growth than this is not judged. */
const GROWN = 1.1;
const NOTHING: Sum = { ms: 0, leasedMs: 0, completions: 0, heldMs: 0 };

export function initialCeiling(tuning: CeilingTuning): CeilingState {
  return {
    phase: 'free',
    ceiling: Number.POSITIVE_INFINITY,
    step: tuning.growthStepFloor,
    sum: NOTHING,
    anchor: undefined,
    before: undefined,
    best: 0,
    holdUntil: 0,
    holdMs: tuning.ceilingHoldMs,
    loopHeld: false,
  };
}

/** The size allowed now. */
export function ceilingOf(state: CeilingState): number {
  return Math.min(state.ceiling, state.step);
}

/** The ceiling after one more window, and what changed if it did. */
export function nextCeiling(
  state: CeilingState,
  window: CeilingWindow,
  tuning: CeilingTuning,
): { readonly state: CeilingState; readonly change?: CeilingChange } {
  const limited = window.waiting > 0 || window.utilization > tuning.scalingThreshold;
  if (!limited) return { state: atLeisure(state, window, tuning) };
  if (window.loopSaturated) return heldByLoop(state, window);
  if (window.busyShare !== undefined && window.busyShare < WORKING_SHARE) {
    return { state: { ...freed(state, window, tuning), anchor: undefined, best: 0 } };
  }
  const sum = add(state.sum, window);
  const evidence = evidenceOf(sum, window.size);
  const settled = window.size <= Math.max(state.ceiling, window.min);
  if (!settled) {
    // Connections above a lowered ceiling are still out: what they do now is neither before nor after.
    return { state: { ...state, sum: NOTHING, loopHeld: false } };
  }
  if (evidence === undefined || sum.completions < completionsNeeded(state, evidence)) {
    const kept = sum.ms > STALE_MS ? NOTHING : sum;
    return {
      state: { ...state, step: stepFrom(state, window, tuning), sum: kept, loopHeld: false },
    };
  }
  const judged = {
    ...state,
    sum: NOTHING,
    best: Math.max(state.best * BEST_DECAY, evidence.rate),
    loopHeld: false,
  };
  if (state.phase === 'trial') return judgeTrial(judged, evidence, window, tuning);
  if (state.phase === 'held') return judgeHeld(judged, evidence, window, tuning);
  return judgeGrowth(judged, evidence, window, tuning);
}

/** Nobody waits and there is air: remember how it is, for the comparison when it is not. */
function atLeisure(
  state: CeilingState,
  window: CeilingWindow,
  tuning: CeilingTuning,
): CeilingState {
  const sum = state.phase === 'free' ? add(state.sum, window) : NOTHING;
  const evidence = evidenceOf(sum, window.size);
  const enough = evidence !== undefined && sum.completions >= MIN_COMPLETIONS;
  const over = state.phase !== 'free' && window.now >= state.holdUntil;
  const next = over ? freed(state, window, tuning) : state;
  return {
    ...next,
    step: stepFrom(next, window, tuning),
    sum: enough || sum.ms > STALE_MS ? NOTHING : sum,
    anchor: enough ? evidence : next.anchor,
    loopHeld: false,
  };
}

function heldByLoop(state: CeilingState, window: CeilingWindow): ReturnType<typeof nextCeiling> {
  const next: CeilingState = { ...state, step: window.size, sum: NOTHING, loopHeld: true };
  if (state.loopHeld || window.waiting === 0 || window.size >= window.max) return { state: next };
  const { size, waiting, utilization } = window;
  const inputs = { waiting, utilization };
  return { state: next, change: { from: size, to: size, reason: 'event-loop-saturated', inputs } };
}

/** Free to grow: a step was paid for, or is yet to be. */
function judgeGrowth(
  state: CeilingState,
  evidence: Evidence,
  window: CeilingWindow,
  tuning: CeilingTuning,
): ReturnType<typeof nextCeiling> {
  const { anchor } = state;
  if (anchor !== undefined && evidence.leased >= anchor.leased * GROWN) {
    const elasticity = elasticityOf(anchor, evidence);
    if (elasticity < tuning.minElasticity) {
      // The same work at a smaller size: back to it. Much less work: a stall or another kind of load, and which of the
      // two only time tells; stay.
      const same = evidence.rate >= anchor.rate * tuning.ceilingCut;
      const to = Math.max(window.min, same ? Math.min(anchor.size, window.size) : window.size);
      const inputs = { elasticity, ...rates(anchor, evidence) };
      return {
        state: hold(state, to, evidence, window, tuning),
        change: { from: window.size, to, reason: 'ceiling-frozen', inputs },
      };
    }
    const paid = { ...state, anchor: evidence, holdMs: tuning.ceilingHoldMs };
    return { state: { ...paid, step: stepFrom(paid, window, tuning) } };
  }
  if (evidence.rate < state.best * tuning.ceilingCut && window.size > window.min) {
    return cut(state, evidence, window, tuning);
  }
  const next = { ...state, anchor: evidence };
  return { state: { ...next, step: stepFrom(next, window, tuning) } };
}

function judgeHeld(
  state: CeilingState,
  evidence: Evidence,
  window: CeilingWindow,
  tuning: CeilingTuning,
): ReturnType<typeof nextCeiling> {
  const { before } = state;
  if (before !== undefined && evidence.holdMs < before.holdMs / 2) {
    // Whatever held the connections is over: what was learned from it is void.
    return { state: { ...freed(state, window, tuning), anchor: evidence, best: evidence.rate } };
  }
  if (evidence.rate < state.best * tuning.ceilingCut && window.size > window.min) {
    return cut(state, evidence, window, tuning);
  }
  if (window.now < state.holdUntil || state.ceiling >= window.max) return { state };
  // A quarter at least: less could not be told from noise in reasonable time.
  const probe = Math.max(Math.ceil(Math.sqrt(window.size)), Math.ceil(window.size / 4));
  const to = Math.min(window.max, window.size + probe);
  return {
    state: {
      ...state,
      phase: 'free',
      ceiling: to,
      step: to,
      anchor: evidence,
      before: undefined,
    },
    change: {
      from: window.size,
      to,
      reason: 'ceiling-probe',
      inputs: { ratePerSecond: evidence.rate },
    },
  };
}

function judgeTrial(
  state: CeilingState,
  evidence: Evidence,
  window: CeilingWindow,
  tuning: CeilingTuning,
): ReturnType<typeof nextCeiling> {
  const { before } = state;
  if (before === undefined) return { state: hold(state, window.size, evidence, window, tuning) };
  const given = 1 - state.ceiling / before.size;
  if (evidence.rate < before.rate * (1 - given / 2)) {
    // Fewer connections did less work, so connections were not the trouble: the load has changed, and with it the best.
    const restored = Math.max(before.size, window.size);
    const next = hold({ ...state, best: before.rate }, restored, before, window, tuning);
    return {
      state: next,
      change: {
        from: state.ceiling,
        to: restored,
        reason: 'ceiling-probe',
        inputs: rates(before, evidence),
      },
    };
  }
  if (evidence.rate < state.best * tuning.ceilingCut && window.size > window.min) {
    return cut(state, evidence, window, tuning);
  }
  return { state: hold(state, Math.max(window.min, state.ceiling), evidence, window, tuning) };
}

function cut(
  state: CeilingState,
  evidence: Evidence,
  window: CeilingWindow,
  tuning: CeilingTuning,
): ReturnType<typeof nextCeiling> {
  const to = Math.max(window.min, Math.floor(window.size * tuning.ceilingCut));
  return {
    state: { ...state, phase: 'trial', ceiling: to, step: to, before: evidence },
    change: {
      from: window.size,
      to,
      reason: 'ceiling-cut',
      inputs: { ratePerSecond: evidence.rate, bestRatePerSecond: state.best },
    },
  };
}

function hold(
  state: CeilingState,
  ceiling: number,
  before: Evidence,
  window: CeilingWindow,
  tuning: CeilingTuning,
): CeilingState {
  return {
    ...state,
    phase: 'held',
    ceiling,
    step: Math.max(ceiling, window.min),
    before,
    holdUntil: window.now + state.holdMs,
    // Each time in vain, later again.
    holdMs: Math.min(tuning.ceilingHoldMaxMs, state.holdMs * 2),
  };
}

function freed(state: CeilingState, window: CeilingWindow, tuning: CeilingTuning): CeilingState {
  const next: CeilingState = {
    ...state,
    phase: 'free',
    ceiling: Number.POSITIVE_INFINITY,
    sum: NOTHING,
    before: undefined,
    holdMs: tuning.ceilingHoldMs,
    loopHeld: false,
  };
  return { ...next, step: stepFrom(next, window, tuning) };
}

/** How far the pool may grow before it is judged again. */
function stepFrom(state: CeilingState, window: CeilingWindow, tuning: CeilingTuning): number {
  if (state.phase !== 'free') return state.step;
  const step = Math.max(tuning.growthStepFloor, Math.ceil(window.size * tuning.growthStep));
  return Math.min(step, state.ceiling);
}

/** The smaller the growth, the more completions tell it from noise: their scatter falls with the root of their number. */
function completionsNeeded(state: CeilingState, evidence: Evidence): number {
  const compared = state.phase === 'free' ? state.anchor : state.before;
  if (compared === undefined || compared.leased === 0) return MIN_COMPLETIONS;
  const ratio = evidence.leased / compared.leased;
  const change = Math.max(Math.abs(ratio - 1), 0.2);
  return Math.max(MIN_COMPLETIONS, Math.ceil(MIN_COMPLETIONS / (change * change)));
}

/** What share of proportional throughput the growth from `a` to `b` bought. */
function elasticityOf(a: Evidence, b: Evidence): number {
  return (b.rate / a.rate - 1) / (b.leased / a.leased - 1);
}

function rates(a: Evidence, b: Evidence): Record<string, number> {
  return {
    leasedBefore: a.leased,
    leased: b.leased,
    ratePerSecondBefore: a.rate,
    ratePerSecond: b.rate,
  };
}

function add(sum: Sum, window: CeilingWindow): Sum {
  return {
    ms: sum.ms + window.ms,
    leasedMs: sum.leasedMs + window.leasedMs,
    completions: sum.completions + window.completions,
    heldMs: sum.heldMs + window.heldMs,
  };
}

function evidenceOf(sum: Sum, size: number): Evidence | undefined {
  if (sum.completions === 0 || sum.heldMs <= 0 || sum.ms <= 0 || sum.leasedMs <= 0)
    return undefined;
  const leased = sum.leasedMs / sum.ms;
  const holdMs = sum.heldMs / sum.completions;
  return { leased, size, holdMs, rate: (leased / holdMs) * 1000 };
}
