/**
 * The option `tuning`: the constants of the policies, and their defaults.
 *
 * @module
 */

/** The constants of the policies, each with its reason. */
export interface Tuning {
  /**
   * An acquire that has waited so long gets a connect started for it, whatever was predicted; ms. About what a person does
   * not notice, and several times what a connect in the same data centre takes.
   * @default 20
   */
  readonly waitTargetMs: number;
  /**
   * What a connect is taken to cost before the first has succeeded, ms: SCRAM takes 5–17 ms on a local network.
   * @default 15
   */
  readonly connectGuessMs: number;
  /**
   * The most connects in flight. 16 SCRAM connects at once are 1.3 times as fast as 4; more are not faster.
   * @default 16
   */
  readonly maxConnectingCap: number;
  /**
   * A round of connects within this factor of the fastest seen lately allows one more at once.
   * @default 1.5
   */
  readonly connectSlower: number;
  /**
   * A round slower than this factor says that they wait for each other: half as many.
   * @default 2
   */
  readonly connectMuchSlower: number;
  /**
   * How fast the fastest is forgotten, as a factor per connect: a server that became slower for good is not taken for a
   * crowded one.
   * @default 1.02
   */
  readonly connectForget: number;
  /**
   * Connections left to others of what the server has room for (`max_connections` less what it reserves), and a tenth of it
   * at most: an operator, a migration and a monitor can still connect to a server that this pool has filled.
   * @default 10
   */
  readonly serverHeadroom: number;
  /**
   * A pool that grows beyond this size asks the server how much room there is. Most pools never do: they can do little harm,
   * and the server gets no statement from them that the application did not send.
   * @default 10
   */
  readonly serverLimitsFrom: number;
  /**
   * For how long it goes by the answer, ms. Then the next connection that is opened asks again: limits change rarely, and
   * matter only to a pool that grows.
   * @default 300_000
   */
  readonly serverLimitsMs: number;
  /**
   * After the server refused a connect for want of room, the pool stays at what it has for so long, ms; twice as long
   * each time that one more is refused again, up to `serverHoldMaxMs`. Others give connections back at their own pace.
   * @default 1_000
   */
  readonly serverHoldMs: number;
  /** @default 30_000 */
  readonly serverHoldMaxMs: number;
  /**
   * How often load is measured and the thresholds applied, ms. Fast enough for a ramp, slow enough to be a mean.
   * @default 1_000
   */
  readonly tickMs: number;
  /**
   * How often while acquires wait, ms: each growth step is judged in one such window.
   * @default 250
   */
  readonly busyTickMs: number;
  /**
   * The utilisation that growth aims at: room for half again as much load before the threshold is reached.
   * @default 0.65
   */
  readonly targetUtilization: number;
  /**
   * The most the utilisation path grows in one tick, as a factor.
   * @default 1.5
   */
  readonly growthPerTick: number;
  /**
   * In how many of the last `growthWindowTicks` the utilisation must have been above `scalingThreshold`: one busy second is
   * no load, one calm second no end of it.
   * @default 2
   */
  readonly growthTicks: number;
  /** @default 3 */
  readonly growthWindowTicks: number;
  /**
   * How many ticks the utilisation must have stayed below `scaleDownThreshold` for the pool to shrink by more than one.
   * @default 60
   */
  readonly shrinkWindowTicks: number;
  /**
   * The pool does not shrink for so long after it grew, ms: loads with a period of a minute keep their connections.
   * @default 60_000
   */
  readonly shrinkAfterGrowthMs: number;
  /**
   * The most it shrinks in one tick, as a share.
   * @default 0.1
   */
  readonly shrinkPerTick: number;
  /**
   * The most connections retired by age or use in one second, as a share (and at least one).
   * @default 0.05
   */
  readonly retirePerSecond: number;
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
   * How far the pool may grow in one `busyTickMs` after growth that paid, as a factor.
   * @default 2
   */
  readonly growthStep: number;
  /**
   * The same while nothing has come back to judge by: 10 to 500 still takes less than 5 s, and a database that has just
   * stopped is not met with twice the connections.
   * @default 1.25
   */
  readonly unprovenGrowthStep: number;
  /**
   * Up to this size growth is not judged in steps: it is cheap, and the sums are small.
   * @default 16
   */
  readonly growthStepFloor: number;
  /**
   * How long the ceiling is held before it is probed, ms; doubled each time in vain, up to `ceilingHoldMaxMs`.
   * @default 5_000
   */
  readonly ceilingHoldMs: number;
  /** @default 60_000 */
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
   * Growth by less than this share is not judged: the completions to tell it from noise would take too long.
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
   * A gain of this share of proportional throughput is a full one: probes get longer.
   * @default 0.85
   */
  readonly fullElasticity: number;
  /**
   * After a probe that paid, the next follows after this share of a hold.
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
  /** @default 0.95 */
  readonly loopUtilization: number;
  /**
   * The shortest and longest pause between two connects while the server is down, ms.
   * @default 50
   */
  readonly backoffMinMs: number;
  /** @default 1_000 */
  readonly backoffMaxMs: number;
  /**
   * The pause between two connects after an error that trying again does not change, ms.
   * @default 1_000
   */
  readonly fatalRetryMs: number;
  /**
   * How many decisions `scalingEvents()` remembers.
   * @default 1_000
   */
  readonly eventsKept: number;
}

/** What the policies run with where nothing else is asked for. */
export const DEFAULT_TUNING: Tuning = {
  waitTargetMs: 20,
  connectGuessMs: 15,
  maxConnectingCap: 16,
  connectSlower: 1.5,
  connectMuchSlower: 2,
  connectForget: 1.02,
  serverHeadroom: 10,
  serverLimitsFrom: 10,
  serverLimitsMs: 300_000,
  serverHoldMs: 1_000,
  serverHoldMaxMs: 30_000,
  tickMs: 1_000,
  busyTickMs: 250,
  targetUtilization: 0.65,
  growthPerTick: 1.5,
  growthTicks: 2,
  growthWindowTicks: 3,
  shrinkWindowTicks: 60,
  shrinkAfterGrowthMs: 60_000,
  shrinkPerTick: 0.1,
  retirePerSecond: 0.05,
  minElasticity: 0.25,
  ceilingCut: 0.8,
  growthStep: 2,
  unprovenGrowthStep: 1.25,
  growthStepFloor: 16,
  ceilingHoldMs: 5_000,
  ceilingHoldMaxMs: 60_000,
  minCompletions: 32,
  evidenceMs: 5_000,
  judgedGrowth: 0.1,
  bestMemory: 0.98,
  workingShare: 0.5,
  presentShare: 0.5,
  collapsedShare: 0.5,
  collapseHold: 2,
  recovered: 2,
  backlogHold: 4,
  probeStride: 0.25,
  ceilingFloor: 10,
  fullElasticity: 0.85,
  quickHold: 0.2,
  trendMemory: 50,
  trendCorrelation: 0.5,
  loopDelayMs: 50,
  loopUtilization: 0.95,
  backoffMinMs: 50,
  backoffMaxMs: 1_000,
  fatalRetryMs: 1_000,
  eventsKept: 1_000,
};
