/**
 * The size above which more connections buy nothing. Pure.
 *
 * Utilisation cannot find it: a saturated pool is 100 % utilised at any size, so a rule of thresholds alone climbs to its
 * maximum and stays there. Measured on two cores: 7 600 transactions/s with 16 connections, 177 with 500; simulated at half
 * load, one stall of 4 s drives the plain rule to 500, and it never comes back.
 *
 * So growth has to pay. It goes in steps; after a step, the throughput is held against what it was before. Growth that
 * bought less than a quarter of what it would have bought in proportion is the last for a while; a throughput that fell
 * takes the ceiling down, and what was taken is given back if that cost throughput.
 *
 * Nothing is learned while the pool is not what limits, nor while this process's own event loop is, nor from growth whose
 * leases have not ended yet (500 callers that each hold a connection for ten seconds are in their right), nor from
 * connections that are held but not working, where that can be seen: that is the callers' think time. Netflix's and Envoy's
 * limits have the first rule, Uber's Cinnamon the trend of throughput over concurrency instead of latency, which drifts
 * with the query mix.
 *
 * @module
 */
import {
  add,
  comparison,
  completionsFor,
  type Evidence,
  elasticityOf,
  evidenceOf,
  MIN_COMPLETIONS,
  NOTHING,
  type Sum,
} from './_evidence.ts';

/**
 * `free`: growing is allowed, step by step; up to a finite ceiling, it is a probe. `held`: the last step bought too
 * little. `trial`: the ceiling was cut, and it is being watched whether that cost throughput.
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
  readonly holdUntil: number;
  /** How long the next hold is. */
  readonly holdMs: number;
  /** The size before the trouble that the ceiling was set for. */
  readonly restore: number;
  /** How far the next probe goes, as a share of the size. */
  readonly stride: number;
  /** Whether the pool was what limited in the last window. What it did then and before is not added up. */
  readonly limited: boolean;
  /** Whether the event loop held growth back in the last window. */
  readonly loopHeld: boolean;
}

/** One window of a pool. */
export interface CeilingWindow extends Sum {
  readonly now: number;
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
  readonly unprovenGrowthStep: number;
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

/** The next state, and what changed if anything did. */
export interface CeilingStep {
  readonly state: CeilingState;
  readonly change?: CeilingChange;
}

/** Evidence older than this is about another load, ms. */
const STALE_MS = 5_000;
/** Per judgement; about a minute's memory of what was possible. */
const BEST_DECAY = 0.98;
/** Below this share of working connections the callers' think time decides, not the server. */
const WORKING_SHARE = 0.5;
/** Fewer completions than this share of what is expected, from connections that all work: the server has stopped. */
const COLLAPSED_SHARE = 0.5;
/** So much more throughput, and so much shorter holds, than when the ceiling was set: what set it is over. */
const RECOVERED = 2;
/** Less growth than this is not judged. */
const GROWN = 0.1;
/** The first probe, as a share of the size: less could not be told from noise in reasonable time. */
const STRIDE = 0.25;
/** A gain in this proportion, or above, is a full one. */
const IN_PROPORTION = 0.85;
/** After a probe that paid, the next follows after this share of the usual hold. */
const QUICK_HOLD = 0.2;
/** After a collapse, and while a backlog is drained after a recovery, nothing is probed for this many holds. */
const COLLAPSE_HOLD = 2;
const BACKLOG_HOLD = 4;

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
    restore: 0,
    stride: STRIDE,
    limited: false,
    loopHeld: false,
  };
}

/** The ceiling after one more window. */
export function nextCeiling(
  state: CeilingState,
  window: CeilingWindow,
  tuning: CeilingTuning,
): CeilingStep {
  const limited = window.waiting > 0 || window.utilization > tuning.scalingThreshold;
  if (!limited) return { state: atLeisure(state, window, tuning) };
  if (window.loopSaturated) return heldByLoop(state, window);
  const base = { ...state, limited: true, loopHeld: false };
  if (areThinking(window.busyShare)) {
    return { state: forThinkers(base, window, tuning) };
  }
  if (window.size > Math.max(state.ceiling, window.min)) {
    // Connections above a lowered ceiling are still out: what they do now is neither before nor after.
    return { state: { ...base, sum: NOTHING } };
  }
  const sum = add(state.limited ? state.sum : NOTHING, window);
  const evidence = evidenceOf(sum, window.size);
  if (collapsed(base, sum, window)) return holdCollapsed(base, evidence, window, tuning);
  if (evidence === undefined || sum.completions < completionsNeeded(base, evidence)) {
    return withoutVerdict(base, sum, evidence, window, tuning);
  }
  const best = Math.max(state.best * BEST_DECAY, evidence.rate);
  const judged = { ...base, sum: NOTHING, best };
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

/** Whether this share of working connections says so. */
export function areThinking(busyShare: number | undefined): boolean {
  return busyShare !== undefined && busyShare < WORKING_SHARE;
}

/** Nobody waits and there is air: remember how it is, for the comparison when it is not. */
function atLeisure(
  state: CeilingState,
  window: CeilingWindow,
  tuning: CeilingTuning,
): CeilingState {
  const over = state.phase !== 'free' && window.now >= state.holdUntil;
  const next = over ? freed(state, window, tuning) : state;
  const sum = add(state.limited ? NOTHING : state.sum, window);
  const evidence = evidenceOf(sum, window.size);
  const enough = evidence !== undefined && sum.completions >= MIN_COMPLETIONS;
  return {
    ...next,
    step: stepFrom(next, window, tuning, false),
    sum: enough || sum.ms > STALE_MS ? NOTHING : sum,
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
  return { state: next, change: { from: size, to: size, reason: 'event-loop-saturated', inputs } };
}

/**
 * Whether the server has all but stopped: the connections work, and far less comes back than did a moment ago. That is told
 * from a count long before there are enough completions to know their hold time by; and each process of several that share
 * a server must tell it from its own few.
 */
function collapsed(state: CeilingState, sum: Sum, window: CeilingWindow): boolean {
  const { anchor, phase, ceiling } = state;
  if (anchor === undefined || window.busyShare === undefined) return false;
  if (phase !== 'free' || ceiling < Number.POSITIVE_INFINITY) return false;
  const expected = (anchor.rate * sum.ms) / 1000;
  return expected >= MIN_COMPLETIONS && sum.completions < expected * COLLAPSED_SHARE;
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
  const now = evidence ?? { leased: window.size, size: window.size, holdMs: 0, rate: 0 };
  const held = hold(
    { ...state, sum: NOTHING, best: now.rate, restore },
    restore,
    now,
    window,
    tuning,
  );
  return {
    state: { ...held, holdUntil: window.now + tuning.ceilingHoldMs * COLLAPSE_HOLD },
    change: {
      from: window.size,
      to: restore,
      reason: 'ceiling-frozen',
      inputs: comparison(anchor, now),
    },
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
  const step = stepFrom(state, window, tuning, false);
  if (sum.ms <= STALE_MS) return { state: { ...state, step, sum } };
  const fresh = { ...state, step, sum: NOTHING };
  if (state.phase === 'trial' && evidence !== undefined) {
    return judgeTrial(fresh, evidence, window, tuning);
  }
  const probing = state.phase === 'free' && state.ceiling < Number.POSITIVE_INFINITY;
  // Nothing is to be said against the probe: on with it, slowly.
  return { state: probing ? quickHold(fresh, state.anchor, window, tuning) : fresh };
}

/** Free to grow: a step was paid for, or is yet to be. */
function judgeGrowth(
  state: CeilingState,
  evidence: Evidence,
  window: CeilingWindow,
  tuning: CeilingTuning,
): CeilingStep {
  const { anchor } = state;
  if (anchor !== undefined && evidence.leased >= anchor.leased * (1 + GROWN)) {
    const elasticity = elasticityOf(anchor, evidence);
    if (elasticity < tuning.minElasticity) {
      return freeze(state, anchor, evidence, elasticity, window, tuning);
    }
    return { state: paid(state, evidence, elasticity, window, tuning) };
  }
  if (evidence.rate < state.best * tuning.ceilingCut && window.size > window.min) {
    return cut(state, evidence, window, tuning);
  }
  const next = { ...state, anchor: evidence };
  return { state: { ...next, step: stepFrom(next, window, tuning, false) } };
}

function freeze(
  state: CeilingState,
  anchor: Evidence,
  evidence: Evidence,
  elasticity: number,
  window: CeilingWindow,
  tuning: CeilingTuning,
): CeilingStep {
  // The same work as at a smaller size: back to that. Much less: a stall or another kind of load, and which of the two
  // only time tells; stay, and what was best under another load is no measure of this one.
  const same = evidence.rate >= anchor.rate * tuning.ceilingCut;
  const smaller = Math.max(window.min, Math.min(anchor.size, window.size));
  const to = same ? smaller : Math.max(window.min, window.size);
  const next = {
    ...state,
    best: same ? state.best : evidence.rate,
    restore: Math.max(state.restore, smaller),
    stride: STRIDE,
  };
  const inputs = { elasticity, ...comparison(anchor, evidence) };
  return {
    state: hold(next, to, evidence, window, tuning),
    change: { from: window.size, to, reason: 'ceiling-frozen', inputs },
  };
}

/**
 * The growth bought what it should. Where nothing has gone wrong lately, the next step may follow. After a freeze or a
 * cut it goes on by probes, longer from one to the next as long as each gains in full proportion: of several processes that
 * share a server, the one that grows alone takes the others' share and would call that a gain.
 */
function paid(
  state: CeilingState,
  evidence: Evidence,
  elasticity: number,
  window: CeilingWindow,
  tuning: CeilingTuning,
): CeilingState {
  const probing = state.ceiling < Number.POSITIVE_INFINITY;
  const inProportion = elasticity >= IN_PROPORTION;
  if (!probing || (inProportion && state.stride >= 1)) {
    return { ...freed(state, window, tuning), anchor: evidence };
  }
  const stride = inProportion ? state.stride * 2 : STRIDE;
  return quickHold({ ...state, stride }, evidence, window, tuning);
}

function judgeHeld(
  state: CeilingState,
  evidence: Evidence,
  window: CeilingWindow,
  tuning: CeilingTuning,
): CeilingStep {
  const { before } = state;
  const over =
    before !== undefined &&
    evidence.rate > before.rate * RECOVERED &&
    evidence.holdMs < before.holdMs / RECOVERED;
  if (over) {
    // Whatever was in the way is over: back to the size from before it, and on from there with care.
    const fresh = { ...state, best: evidence.rate, holdMs: tuning.ceilingHoldMs };
    const to = Math.max(state.ceiling, state.restore);
    const held = hold(fresh, to, evidence, window, tuning);
    return { state: { ...held, holdUntil: window.now + tuning.ceilingHoldMs * BACKLOG_HOLD } };
  }
  if (evidence.rate < state.best * tuning.ceilingCut && window.size > window.min) {
    return cut(state, evidence, window, tuning);
  }
  if (window.now < state.holdUntil || state.ceiling >= window.max) return { state };
  const further = Math.max(Math.sqrt(window.size), window.size * state.stride);
  const to = Math.min(window.max, window.size + Math.ceil(further));
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
): CeilingStep {
  const { before } = state;
  const given = before === undefined ? 0 : 1 - state.ceiling / before.size;
  if (before !== undefined && evidence.rate < before.rate * (1 - given / 2)) {
    // Fewer connections did less work, so connections were not the trouble: the load has changed, and with it the best.
    const to = Math.max(before.size, window.size);
    return {
      state: hold({ ...state, best: before.rate }, to, before, window, tuning),
      change: {
        from: state.ceiling,
        to,
        reason: 'ceiling-probe',
        inputs: comparison(before, evidence),
      },
    };
  }
  if (evidence.rate < state.best * tuning.ceilingCut && window.size > window.min) {
    return cut(state, evidence, window, tuning);
  }
  const to = Math.max(window.min, state.ceiling);
  return { state: hold(state, to, evidence, window, tuning) };
}

function cut(
  state: CeilingState,
  evidence: Evidence,
  window: CeilingWindow,
  tuning: CeilingTuning,
): CeilingStep {
  const to = Math.max(window.min, Math.floor(window.size * tuning.ceilingCut));
  const restore = state.phase === 'free' ? window.size : state.restore;
  return {
    state: { ...state, phase: 'trial', ceiling: to, step: to, before: evidence, restore },
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
    holdUntil: window.now + state.holdMs,
    // Each time in vain, later again.
    holdMs: Math.min(tuning.ceilingHoldMaxMs, state.holdMs * 2),
  };
}

/** Between two probes of which the first has paid. */
function quickHold(
  state: CeilingState,
  before: Evidence | undefined,
  window: CeilingWindow,
  tuning: CeilingTuning,
): CeilingState {
  return {
    ...hold(state, window.size, before, window, tuning),
    holdUntil: window.now + tuning.ceilingHoldMs * QUICK_HOLD,
    holdMs: tuning.ceilingHoldMs,
  };
}

function freed(
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
    stride: STRIDE,
  };
  return { ...next, step: stepFrom(next, window, tuning, true) };
}

/** How far the pool may grow before it is judged again: further, if the growth so far has paid. */
function stepFrom(
  state: CeilingState,
  window: Pick<CeilingWindow, 'size'>,
  tuning: CeilingTuning,
  proven: boolean,
): number {
  if (state.phase !== 'free') return state.step;
  const factor = proven ? tuning.growthStep : tuning.unprovenGrowthStep;
  const step = Math.max(tuning.growthStepFloor, Math.ceil(window.size * factor));
  return Math.min(state.ceiling, step);
}

function completionsNeeded(state: CeilingState, evidence: Evidence): number {
  const compared = state.phase === 'free' ? state.anchor : state.before;
  if (state.phase === 'held' || compared === undefined || compared.leased === 0) {
    return MIN_COMPLETIONS;
  }
  const change = Math.abs(evidence.leased / compared.leased - 1);
  if (state.phase === 'free' && change < GROWN) return MIN_COMPLETIONS;
  return completionsFor(change);
}
