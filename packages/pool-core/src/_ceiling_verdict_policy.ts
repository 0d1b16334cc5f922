/**
 * What a window with enough evidence says about the ceiling: growth that paid goes on, growth that did not is the last for
 * a while, throughput that fell takes it down, and what was taken is given back if that cost throughput. Pure.
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
import { comparison, type Evidence, elasticityOf } from './_evidence.ts';
import { correlationOf, isFalling, NO_TREND } from './_throughput_trend.ts';

/** Free to grow: a step was paid for, or is yet to be. */
export function judgeGrowth(
  state: CeilingState,
  evidence: Evidence,
  window: CeilingWindow,
  tuning: CeilingTuning,
): CeilingStep {
  const { anchor } = state;
  if (hasGrown(anchor, evidence, tuning)) {
    const elasticity = elasticityOf(anchor, evidence);
    if (elasticity >= (window.loopBusy ? tuning.fullElasticity : tuning.minElasticity)) {
      return paid(state, evidence, elasticity, window, tuning);
    }
    // A pool that had air did not show what its size can do: the first look at it under load is the measure of the next,
    // unless less is done now than was asked for then.
    const unknown = !anchor.limited && evidence.rate >= anchor.rate * tuning.ceilingCut;
    if (!unknown) return freeze(state, anchor, evidence, elasticity, window, tuning);
  }
  if (window.size > lowest(window, tuning) && hasFallen(state, evidence, tuning)) {
    return cut(state, evidence, window, tuning);
  }
  const next = { ...state, anchor: evidence };
  // Growth is judged from a level base: what a process or a server gains by warming up would pass for what growth bought. How far a
  // probe goes was decided as it began.
  const probing = state.ceiling < Number.POSITIVE_INFINITY;
  const level =
    anchor?.limited === true && Math.abs(evidence.rate / anchor.rate - 1) <= tuning.judgedGrowth;
  const factor = probing || level ? onward(window, tuning) : STAY;
  return { state: { ...next, step: stepFrom(state, window, tuning, factor) } };
}

/**
 * How far on, once growth is called for. While the event loop never rests, it is likely this process that is waited for and not the
 * server: then it is little, and has to pay in full.
 */
function onward({ loopBusy }: CeilingWindow, tuning: CeilingTuning): number {
  return loopBusy ? tuning.unprovenGrowthStep : tuning.growthStep;
}

function freeze(
  state: CeilingState,
  anchor: Evidence,
  evidence: Evidence,
  elasticity: number,
  window: CeilingWindow,
  tuning: CeilingTuning,
): CeilingStep {
  // The same work as at a smaller size: back to that. Less: if this was the pool's own first growth, that did it, and back as well. Else
  // much less is a stall or another kind of load, and which of the two only time tells; stay, and what was best under another load
  // is no measure of this one.
  const first = state.ceiling === Number.POSITIVE_INFINITY;
  const same = evidence.rate >= anchor.rate * tuning.ceilingCut;
  const fell = evidence.rate >= anchor.rate * tuning.collapsedShare && !same;
  const overdone = first && fell && anchor.limited;
  const back = same || overdone;
  const smaller = Math.max(lowest(window, tuning), Math.min(anchor.size, window.size));
  const to = back ? smaller : Math.max(lowest(window, tuning), window.size);
  const next = {
    ...state,
    best: back ? state.best : evidence.rate,
    restore: Math.max(state.restore, smaller),
    stride: tuning.probeStride,
    // Next it is tried whether fewer do as much, unless this is no matter of size.
    probeDown: evidence.rate >= anchor.rate * tuning.collapsedShare,
  };
  const inputs = { elasticity, ...comparison(anchor, evidence) };
  // The first growth that is stopped has likely gone too far: how much fewer do as much is asked soon, not after a whole hold.
  const before = overdone ? anchor : evidence;
  return {
    state:
      back && first
        ? quickHold(next, to, before, window, tuning)
        : hold(next, to, before, window, tuning),
    change: { reason: 'ceiling-frozen', inputs },
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
): CeilingStep {
  const probing = state.ceiling < Number.POSITIVE_INFINITY;
  const inProportion = elasticity >= tuning.fullElasticity;
  if (!probing || (inProportion && state.stride >= 1)) {
    // Near the knee growth pays in part; in more than proportion only time pays. Either is looked at a second time first.
    const byGrowth = inProportion && elasticity <= 1 / tuning.fullElasticity;
    const next = { ...freed(state, window, tuning), anchor: evidence };
    const step = stepFrom(next, window, tuning, byGrowth ? onward(window, tuning) : STAY);
    const further = { ...next, step };
    return probing
      ? { state: further, change: givenBack(state.anchor as Evidence, evidence) }
      : { state: further };
  }
  const stride = inProportion ? state.stride * tuning.growthStep : tuning.probeStride;
  const next = { ...state, stride, probeDown: false };
  return { state: quickHold(next, window.size, evidence, window, tuning) };
}

/** What the ceiling was lowered for is over, or was not mended by it. */
function givenBack(before: Evidence, evidence: Evidence): CeilingChange {
  return { reason: 'ceiling-probe', inputs: comparison(before, evidence) };
}

/** Held: is what set the ceiling over, has it become worse, or is it time to try again? */
export function judgeHeld(
  state: CeilingState,
  evidence: Evidence,
  window: CeilingWindow,
  tuning: CeilingTuning,
): CeilingStep {
  const { before } = state;
  if (
    before !== undefined &&
    evidence.rate > before.rate * tuning.recovered &&
    evidence.holdMs < before.holdMs / tuning.recovered
  ) {
    // Whatever was in the way is over: back to the size from before it, and on from there with care.
    const fresh = { ...state, best: evidence.rate, holdMs: tuning.ceilingHoldMs };
    const to = Math.max(state.ceiling, state.restore);
    const held = hold(fresh, to, evidence, window, tuning);
    return {
      state: { ...held, holdUntil: window.now + tuning.ceilingHoldMs * tuning.backlogHold },
      ...(to > state.ceiling ? { change: givenBack(before, evidence) } : {}),
    };
  }
  if (window.size > lowest(window, tuning) && hasFallen(state, evidence, tuning)) {
    return cut(state, evidence, window, tuning);
  }
  if (window.now < state.holdUntil) return { state };
  const next = { ...state, probeDown: !state.probeDown };
  if (state.probeDown && window.size > tuning.ceilingFloor) {
    return lower(next, evidence, window, tuning, 'ceiling-probe');
  }
  return state.ceiling < window.max ? raise(next, evidence, window) : { state: next };
}

/** Do more connections buy throughput by now? */
function raise(state: CeilingState, evidence: Evidence, window: CeilingWindow): CeilingStep {
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
    change: { reason: 'ceiling-probe', inputs: { ratePerSecond: evidence.rate } },
  };
}

/** On trial: did fewer connections do less work? */
export function judgeTrial(
  state: CeilingState,
  evidence: Evidence,
  window: CeilingWindow,
  tuning: CeilingTuning,
): CeilingStep {
  const { before } = state;
  const given = before === undefined ? 0 : 1 - state.ceiling / before.size;
  if (before !== undefined && evidence.rate < before.rate * (1 - given * tuning.minElasticity)) {
    // Fewer connections did less work, so there were not too many: the load has changed, and with it the best.
    const to = Math.max(before.size, window.size);
    return {
      state: hold({ ...state, best: before.rate }, to, before, window, tuning),
      change: givenBack(before, evidence),
    };
  }
  if (window.size > lowest(window, tuning) && hasFallen(state, evidence, tuning)) {
    return cut(state, evidence, window, tuning);
  }
  // Fewer do as much: fewer still may do so, soon, where there may be fewer. More have just been seen to buy nothing.
  const next = { ...state, probeDown: true };
  const held = window.size > lowest(window, tuning) ? quickHold : hold;
  return { state: held(next, window.size, evidence, window, tuning) };
}

/** The ceiling is not lowered further. */
function lowest({ min, max }: CeilingWindow, { ceilingFloor }: CeilingTuning): number {
  return Math.max(min, Math.min(max, ceilingFloor));
}

/** Below the recent best at whatever size, or lower with each growth for some time now. */
function hasFallen(state: CeilingState, evidence: Evidence, tuning: CeilingTuning): boolean {
  return evidence.rate < state.best * tuning.ceilingCut || isFalling(state.trend, tuning);
}

function cut(
  state: CeilingState,
  evidence: Evidence,
  window: CeilingWindow,
  tuning: CeilingTuning,
): CeilingStep {
  return lower(state, evidence, window, tuning, 'ceiling-cut');
}

/** A fifth fewer, on trial: because throughput fell, or to see whether fewer do as much. */
function lower(
  state: CeilingState,
  evidence: Evidence,
  window: CeilingWindow,
  tuning: CeilingTuning,
  reason: 'ceiling-cut' | 'ceiling-probe',
): CeilingStep {
  const to = Math.max(lowest(window, tuning), Math.floor(window.size * tuning.ceilingCut));
  if (to >= window.size) return { state };
  const restore = state.phase === 'free' ? window.size : state.restore;
  return {
    state: {
      ...state,
      phase: 'trial',
      ceiling: to,
      step: to,
      before: evidence,
      restore,
      trend: NO_TREND,
    },
    change: {
      reason,
      inputs: {
        ratePerSecond: evidence.rate,
        bestRatePerSecond: state.best,
        correlation: correlationOf(state.trend),
      },
    },
  };
}
