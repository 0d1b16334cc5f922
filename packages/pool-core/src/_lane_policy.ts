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
  | 'work'
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

/**
 * What the server takes longer for than this by itself is worth a backend of its own, ms; below, what several queries save by being
 * sent and received together is worth more.
 */
const WORK_FROM_MS = 0.5;
/** A query should find no more work ahead of it than this, ms, while there are connections. */
const WORK_AHEAD_MS = 2;

/** And no more than this while others wait for connections of their own. */
const CONTENDED_MS = 16;

/** The work that a query of a statement is for its lane, ms. */
export function workOf(meanMs: number): number {
  return meanMs >= WORK_FROM_MS ? meanMs : 0;
}

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

/**
 * How long a lane may be without a query before it is given back, ms. Others who wait get it at once, but for the last one: given away as
 * soon as it is empty it would be wanted again a moment later, and its queries would queue behind the slow statements that the others
 * wait with (32 callers, 2 % of 50 ms: 99 % of the fast ones within 43 ms instead of 3 ms).
 */
export function idleFor(
  { lanes, others, otherConnections }: Pick<Supply, 'lanes' | 'others' | 'otherConnections'>,
  { lingerMs }: Pick<LaneTuning, 'lingerMs'>,
): number {
  // Where all connections are lanes, nobody else would give one back.
  return others > 0 && (lanes > 1 || otherConnections === 0) ? 0 : lingerMs;
}

/** How things stand when a query was placed, or could not be. */
export interface Demand {
  /** Lanes that are not on their way out, and those of them that are open. */
  readonly lanes: number;
  readonly open: number;
  /** Whether one more is on its way. */
  readonly opening: boolean;
  /** In flight on the least loaded one, and their work, ms; undefined where none takes more. */
  readonly fewest: number | undefined;
  readonly aheadMs: number;
  /** The most connections of the pool. */
  readonly limit: number;
  /** Acquires that wait for a connection of their own. */
  readonly others: number;
}

/**
 * Whether one more lane is wanted. Few, deep lanes beat many: two of them serve 64 callers faster than ten do. That is so while
 * the server takes next to nothing; where it has work to do, each lane is one process of it, and they may be as many as there
 * are connections. One connection is left to those who need one of their own, where there is more than one; a lane that is held up
 * by a slow query does not count against `maxLanes`.
 */
export function wantsLane(demand: Demand, tuning: LaneTuning): LaneReason | undefined {
  const { lanes, open, opening, fewest, aheadMs, limit, others } = demand;
  if (opening) return undefined;
  if (lanes === 0) return 'first';
  if (lanes >= Math.max(1, limit - 1)) return undefined;
  if (others === 0 && aheadMs >= WORK_AHEAD_MS) return 'work';
  if (open >= tuning.maxLanes) return undefined;
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
  /** The most work that was in flight at once since then, on all lanes, ms. */
  readonly peakMs: number;
  /** Since when fewer lanes would have done, ms; 0 when they would not. */
  readonly lowForMs: number;
  /** Acquires that wait for a connection of their own, and connections that are no lanes. */
  readonly others: number;
  readonly otherConnections: number;
  /** Connections above the limit. */
  readonly excess: number;
}

/** The lanes that such a load needs, when nobody else wants their connections: half as deep as those that call for one more. */
export function lanesNeeded(peak: number, peakMs: number, tuning: LaneTuning): number {
  const byDepth = Math.min(tuning.maxLanes, Math.ceil((2 * peak) / tuning.depth));
  return Math.max(1, byDepth, Math.min(peak, Math.ceil((2 * peakMs) / WORK_AHEAD_MS)));
}

/** Whether one lane is to be given back. */
export function givesLaneBack(supply: Supply, tuning: LaneTuning): LaneReason | undefined {
  const { lanes, open, peak, peakMs, lowForMs, others, otherConnections, excess } = supply;
  if (lanes === 0) return undefined;
  if (excess > 0) return 'limit';
  // Others wait: as many as the windows need and the work bears. Where all connections are lanes, even the last takes its turn.
  const least = Math.max(1, Math.ceil(peak / tuning.window), Math.ceil(peakMs / CONTENDED_MS));
  if (others > 0 && (open > least || otherConnections === 0)) {
    return 'contention';
  }
  if (lowForMs >= LOW_FOR_MS) return 'low-load';
  // Those that were opened beside held up ones.
  if (open > Math.max(tuning.maxLanes, lanesNeeded(peak, peakMs, tuning))) return 'low-load';
  return undefined;
}
