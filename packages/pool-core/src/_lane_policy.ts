/**
 * How many lanes there are, and which one a query goes to. Pure.
 */

/** A lane as the choice sees it. */
export interface LaneView {
  /** Sent and not answered. */
  readonly inFlight: number;
  /** Whether it takes more: it is neither held up, nor on its way out, nor waiting for a cancel. */
  readonly open: boolean;
}

export interface LaneTuning {
  readonly maxLanes: number;
  readonly window: number;
  readonly depth: number;
  readonly lingerMs: number;
}

/** Why the number of lanes changed. */
export type LaneReason =
  | 'first'
  | 'depth'
  | 'held-up'
  | 'contention'
  | 'low-load'
  | 'limit'
  | 'idle'
  | 'outdated'
  | 'lifetime'
  | 'max-uses'
  | 'lost'
  | 'session-error'
  | 'closing';

/** Load must be low for so long before a lane is given back: opening one again may cost a connect. */
const LOW_FOR_MS = 1_000;

/** The open lane with the fewest in flight, if one has room. */
export function leastLoaded<L extends LaneView>(
  lanes: readonly L[],
  window: number,
): L | undefined {
  let best: L | undefined;
  let fewest = window;
  for (const lane of lanes) {
    const { inFlight } = lane;
    if (inFlight < fewest && lane.open) {
      best = lane;
      fewest = inFlight;
      if (fewest === 0) break;
    }
  }
  return best;
}

/** How things stand when a query was placed, or could not be. */
export interface Demand {
  /** Lanes that are not on their way out, and those of them that are open. */
  readonly lanes: number;
  readonly open: number;
  /** Whether one more is on its way. */
  readonly opening: boolean;
  /** In flight on the least loaded one; undefined where none takes more. */
  readonly fewest: number | undefined;
  /** The most connections of the pool. */
  readonly limit: number;
  /** Acquires that wait for a connection of their own. */
  readonly others: number;
}

/**
 * Whether one more lane is wanted. Few, deep lanes beat many: two of them serve 64 callers faster than ten do. One connection
 * is left to those who need one of their own, where there is more than one; a lane that is held up by a slow query does not
 * count against `maxLanes`.
 */
export function wantsLane(demand: Demand, tuning: LaneTuning): LaneReason | undefined {
  const { lanes, open, opening, fewest, limit, others } = demand;
  if (opening) return undefined;
  if (lanes === 0) return 'first';
  if (open >= tuning.maxLanes || lanes >= Math.max(1, limit - 1)) return undefined;
  if (fewest === undefined) return 'held-up';
  return fewest >= tuning.depth && others === 0 ? 'depth' : undefined;
}

/** How things stand at a regular look. */
export interface Supply {
  /** Lanes that are not on their way out. */
  readonly lanes: number;
  readonly open: number;
  /** The most that were in flight at once since the last look. */
  readonly peak: number;
  /** Since when fewer lanes would have done, ms; 0 when they would not. */
  readonly lowForMs: number;
  /** Acquires that wait for a connection of their own, and connections that are no lanes. */
  readonly others: number;
  readonly otherConnections: number;
  /** Connections above the limit. */
  readonly excess: number;
}

/** The lanes that such a load needs, when nobody else wants their connections. */
export function lanesNeeded(peak: number, tuning: LaneTuning): number {
  return Math.max(1, Math.min(tuning.maxLanes, Math.ceil((2 * peak) / tuning.depth)));
}

/** Whether one lane is to be given back. */
export function givesLaneBack(supply: Supply, tuning: LaneTuning): LaneReason | undefined {
  const { lanes, open, peak, lowForMs, others, otherConnections, excess } = supply;
  if (lanes === 0) return undefined;
  if (excess > 0) return 'limit';
  // Others wait: what the lanes' windows can hold is enough. Where all connections are lanes, even the last takes its turn.
  if (
    others > 0 &&
    (open > Math.max(1, Math.ceil(peak / tuning.window)) || otherConnections === 0)
  ) {
    return 'contention';
  }
  if (open > tuning.maxLanes || lowForMs >= LOW_FOR_MS) return 'low-load';
  return undefined;
}
