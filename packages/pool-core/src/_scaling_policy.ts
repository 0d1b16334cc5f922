/**
 * How many connections a load needs. Pure.
 *
 * Two paths up. *Demand*: a waiter is worth a connect when that would arrive before a connection comes back. *Utilisation*:
 * the documented threshold, with a step by Little's law instead of a magic number. One path down, slow on purpose.
 *
 * @module
 */

/** What the demand path looks at. */
export interface Demand {
  /** Acquires that wait. */
  readonly waiting: number;
  readonly connecting: number;
  /** Connections that will come back: leased, being reset, being probed. */
  readonly working: number;
  /** Running mean of the time a connection is held, ms; undefined before the first came back. */
  readonly holdMs: number | undefined;
  /** For how long acquires have waited while nothing came back, ms. */
  readonly silentMs: number;
  /** Running mean of the connect time, ms. */
  readonly connectMs: number | undefined;
  /** How long the first in the queue has waited, ms. */
  readonly oldestWaitMs: number;
}

/** The numbers behind the demand path. */
export interface DemandTuning {
  readonly waitTargetMs: number;
  readonly connectGuessMs: number;
}

/**
 * How many connects should be in flight for those who wait. HikariCP's elision with a formula: the waiter at position
 * `p` is served by a returning connection after `p x hold / working`; only who would wait longer than a connect takes
 * justifies one. Five warm connections, a connect of 150 ms and fifty requests of 2 ms: none is opened, where pg-pool
 * opens 45 and is eight times slower.
 */
export function connectsDemanded(demand: Demand, tuning: DemandTuning): number {
  const { waiting, working, holdMs } = demand;
  if (waiting === 0) return 0;
  // Nothing comes back if nothing is out.
  if (working === 0) return waiting;
  const connectMs = demand.connectMs ?? tuning.connectGuessMs;
  const overdue = demand.oldestWaitMs >= tuning.waitTargetMs;
  // Nothing has come back yet, so nothing is known: try one, until somebody has waited long enough.
  if (holdMs === undefined) return overdue ? waiting : 1;
  // One comes back every so often. If none has for longer than anybody should wait, the mean was about another load (not the
  // mean age of what is out: one connection held for an hour would speak for all). A shorter silence says nothing: this
  // process pauses for some milliseconds now and then, and each pause would open connections.
  const silentMs = demand.silentMs >= tuning.waitTargetMs ? demand.silentMs : 0;
  const everyMs = Math.max(holdMs / working, silentMs);
  const servedFirst = everyMs === 0 ? waiting : Math.floor(connectMs / everyMs);
  return Math.max(waiting - servedFirst, overdue ? 1 : 0);
}

/** One tick of a pool, time-weighted. */
export interface LoadTick {
  /** Leased share of the usable connections, 0..1. */
  readonly utilization: number;
  /** Mean number of leased connections. */
  readonly leased: number;
  /** Usable connections that were idle at the end of the tick. */
  readonly idle: number;
}

/** The numbers behind the utilisation path. */
export interface GrowthTuning {
  readonly scalingThreshold: number;
  readonly targetUtilization: number;
  readonly growthPerTick: number;
  readonly growthTicks: number;
  readonly growthWindowTicks: number;
}

/**
 * The size wanted by utilisation, or undefined when it is fine: above the threshold in two of the last three ticks, the
 * size at which the mean number of leased connections would be `targetUtilization` of it, at most `growthPerTick` times
 * the size. Two of three: a single busy second is not a load.
 */
export function sizeForGrowth(
  ticks: readonly LoadTick[],
  size: number,
  tuning: GrowthTuning,
): number | undefined {
  const last = ticks.slice(-tuning.growthWindowTicks);
  const busy = last.filter((tick) => tick.utilization > tuning.scalingThreshold);
  const newest = last.at(-1);
  if (busy.length < tuning.growthTicks || newest === undefined) return undefined;
  const wanted = Math.ceil(newest.leased / tuning.targetUtilization);
  const target = Math.min(wanted, Math.ceil(size * tuning.growthPerTick));
  return target > size ? target : undefined;
}

/** The numbers behind shrinking. */
export interface ShrinkTuning {
  readonly scaleDownThreshold: number;
  readonly targetUtilization: number;
  readonly shrinkWindowTicks: number;
  readonly shrinkAfterGrowthMs: number;
  readonly shrinkPerTick: number;
}

/** What shrinking looks at. */
export interface Surplus {
  /** The ticks of the window, the newest last. */
  readonly ticks: readonly LoadTick[];
  readonly size: number;
  readonly min: number;
  /** Idle connections that have been idle for longer than the idle timeout. */
  readonly idleTooLong: number;
  readonly sinceGrowthMs: number;
}

/** How many connections to close, and which rule said so. */
export interface Shrink {
  readonly close: number;
  readonly reason: 'utilization-low' | 'idle';
}

/**
 * How many of the connections past their idle timeout to close in this tick. A last-used-first stack lets exactly those
 * grow old that the load did not need.
 *
 * Below `scaleDownThreshold` over the whole window: as many as were idle in the median tick (npgsql's rule: one burst in
 * the window does not hide the surplus, one lull does not fake it), at most `shrinkPerTick` of the size, not below what the
 * window's peak needs. Above it: one. Neither soon after growth, or a sawtooth load would pay a connect per tooth.
 */
export function connectionsToClose(surplus: Surplus, tuning: ShrinkTuning): Shrink | undefined {
  const { ticks, size, min, idleTooLong } = surplus;
  const above = Math.min(size - min, idleTooLong);
  if (above <= 0 || surplus.sinceGrowthMs < tuning.shrinkAfterGrowthMs) return undefined;
  const window = ticks.slice(-tuning.shrinkWindowTicks);
  const full = window.length >= tuning.shrinkWindowTicks;
  const share = (tick: LoadTick): number => tick.utilization;
  if (!full || Math.max(...window.map(share)) >= tuning.scaleDownThreshold) {
    return { close: 1, reason: 'idle' };
  }
  const peak = Math.max(...window.map((tick) => tick.leased));
  const spare = size - Math.max(min, Math.ceil(peak / tuning.targetUtilization));
  const step = Math.max(1, Math.floor(size * tuning.shrinkPerTick));
  const close = Math.min(above, spare, step, median(window.map((tick) => tick.idle)));
  return close > 0 ? { close, reason: 'utilization-low' } : undefined;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
