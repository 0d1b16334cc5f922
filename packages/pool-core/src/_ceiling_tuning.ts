/**
 * The constants by which growth is judged and the ceiling is found: a part of the option `tuning`.
 *
 * @module
 */
import {
  BETWEEN,
  type Check,
  COUNT,
  FACTOR,
  FINITE,
  POSITIVE,
  SHARE,
  whole,
} from './_option_checks.ts';

/** Each with its reason. */
export interface CeilingTuning {
  /**
   * Growth that buys less than this share of proportional throughput is the last for a while.
   * @default 0.25
   */
  readonly minElasticity: number;
  /**
   * Throughput below this share of the recent best cuts the ceiling, by as much.
   * @default 0.8
   */
  readonly ceilingCut: number;
  /**
   * How far the pool may grow in one `busyTickMs` from a level throughput, and after growth that paid in full (`fullElasticity`), as
   * a factor. A doubling tells what it bought from noise in one window: a growth by a quarter that pays a quarter of its
   * proportion is 6 % more, and windows of a real machine scatter by 20 %.
   * @default 2
   */
  readonly growthStep: number;
  /**
   * The same while nothing has come back to judge by, or while the event loop never rests: 10 to 500 still takes less than 5 s, and a database that has just stopped is not met with twice the connections.
   * @default 1.25
   */
  readonly unprovenGrowthStep: number;
  /**
   * Up to this size growth is not judged in steps: it is cheap, and the sums are small. It has room for the first step of the
   * utilisation path from ten.
   * @default 16
   */
  readonly growthStepFloor: number;
  /**
   * How long the ceiling is held before it is probed, ms; `holdGrowth` times as long after each in vain, up to `ceilingHoldMaxMs`.
   * @default 5_000
   */
  readonly ceilingHoldMs: number;
  /**
   * The longest hold, ms: a probe in vain costs up to a fifth of the throughput while it lasts, which once a minute is little,
   * and a server that became faster is found out within a minute.
   * @default 60_000
   */
  readonly ceilingHoldMaxMs: number;
  /**
   * Leases that must have ended before a size is judged: hold times scatter by about their mean, so this many tell a
   * doubled size from noise (+-25 %). A growth by a tenth takes a hundred times as many.
   * @default 32
   */
  readonly minCompletions: number;
  /**
   * What is not enough to judge by after this time is about another load, and forgotten; ms.
   * @default 5_000
   */
  readonly evidenceMs: number;
  /**
   * Growth by less than this share is not judged: the completions to tell it from noise would take too long. Throughput that has
   * changed by less is level: only from there the pool grows, or warming up would pass for what growth bought.
   * @default 0.1
   */
  readonly judgedGrowth: number;
  /**
   * What the best throughput seen keeps of itself per judgement: about a minute's memory of what was possible.
   * @default 0.98
   */
  readonly bestMemory: number;
  /**
   * Below this share of leased connections that work (`isBusy`), the callers' think time decides, not the server.
   * @default 0.5
   */
  readonly workingShare: number;
  /**
   * The most leased connections that are asked for that share, per look, which is what a look costs: of 64 it is known to some 6 %, and
   * only whether it is above `workingShare` matters.
   * @default 64
   */
  readonly busySample: number;
  /**
   * Between two such looks, and how long a lease is too young to be asked about, ms: a turn of the event loop or two, in which a
   * caller that does not think has sent its statement.
   * @default 5
   */
  readonly busyLookMs: number;
  /**
   * A size is not judged by a time in which less than this share of the connections was leased, though somebody waited:
   * they were being opened, after an outage or a cold start.
   * @default 0.5
   */
  readonly presentShare: number;
  /**
   * Fewer completions than this share of what is expected, from connections that all work: the server has stopped.
   * @default 0.5
   */
  readonly collapsedShare: number;
  /**
   * After that nothing is probed for this many holds: several processes that probe a server which is coming back would
   * keep it down.
   * @default 2
   */
  readonly collapseHold: number;
  /**
   * So much more throughput, and so much shorter holds, than when the ceiling was set: what set it is over.
   * @default 2
   */
  readonly recovered: number;
  /**
   * Nothing is probed for this many holds then: a backlog is being drained, which looks like load.
   * @default 4
   */
  readonly backlogHold: number;
  /**
   * The first probe above a held ceiling, as a share of it (and at least its root): a gain from less could not be told
   * from noise in reasonable time.
   * @default 0.25
   */
  readonly probeStride: number;
  /**
   * The ceiling is never lowered below this size: ten connections harm no server, and a throughput that falls at that size has
   * another cause (a neighbour on the machine that takes the CPU, other statements), which a smaller pool would only make worse.
   * @default 10
   */
  readonly ceilingFloor: number;
  /**
   * A gain of this share of proportional throughput is a full one: steps and probes get longer. More than its inverse is none of
   * connections alone, and looked at a second time. While the event loop never rests (`loopUtilization`), growth has to
   * pay so much to go on: where the server is waited for, it does.
   * @default 0.85
   */
  readonly fullElasticity: number;
  /**
   * After a probe that paid, and after the first growth that did not, the next probe follows after this share of a hold.
   * @default 0.2
   */
  readonly quickHold: number;
  /**
   * Over how many judgements it is watched whether throughput falls while the size rises, for a pool that creeps up in
   * steps too small to be judged each. Half as many must have been made before it counts.
   * @default 50
   */
  readonly trendMemory: number;
  /**
   * How strongly the two must go against each other, as a correlation: by chance, -0.5 comes once in some thousand times
   * from fifty judgements.
   * @default 0.5
   */
  readonly trendCorrelation: number;
  /**
   * The event loop counts as saturated when it was late by this, ms, and used more than `loopUtilization` of the time.
   * @default 50
   */
  readonly loopDelayMs: number;
  /**
   * That share. A loop that is late and yet waits for events a twentieth of the time was held up by one long task; one that
   * never waits has no time for more connections.
   * @default 0.95
   */
  readonly loopUtilization: number;
}

/** What each is where nothing else is asked for, and what it may be. */
export const CEILING_TUNING: {
  readonly [K in keyof CeilingTuning]: readonly [byDefault: number, check: Check];
} = {
  minElasticity: [0.25, SHARE],
  ceilingCut: [0.8, BETWEEN],
  growthStep: [2, FACTOR],
  unprovenGrowthStep: [1.25, FACTOR],
  growthStepFloor: [16, whole(1)],
  ceilingHoldMs: [5_000, FINITE],
  ceilingHoldMaxMs: [60_000, FINITE],
  minCompletions: [32, whole(1)],
  evidenceMs: [5_000, FINITE],
  judgedGrowth: [0.1, POSITIVE],
  bestMemory: [0.98, SHARE],
  workingShare: [0.5, SHARE],
  busySample: [64, whole(1)],
  busyLookMs: [5, FINITE],
  presentShare: [0.5, SHARE],
  collapsedShare: [0.5, SHARE],
  collapseHold: [2, POSITIVE],
  recovered: [2, FACTOR],
  backlogHold: [4, POSITIVE],
  probeStride: [0.25, POSITIVE],
  ceilingFloor: [10, COUNT],
  fullElasticity: [0.85, SHARE],
  quickHold: [0.2, POSITIVE],
  trendMemory: [50, whole(2)],
  trendCorrelation: [0.5, SHARE],
  loopDelayMs: [50, FINITE],
  loopUtilization: [0.95, SHARE],
};
