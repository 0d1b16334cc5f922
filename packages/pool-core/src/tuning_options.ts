/**
 * The option `tuning`: the constants of the policies, and their defaults.
 *
 * @module
 */
import { CEILING_TUNING, type CeilingTuning } from './_ceiling_tuning.ts';
import {
  ATLEAST0,
  BETWEEN,
  type Check,
  COUNT,
  DURATION,
  FACTOR,
  FINITE,
  POSITIVE,
  RATE,
  SHARE,
  whole,
} from './_option_checks.ts';

/** The constants of the policies, each with its reason. */
export interface Tuning extends CeilingTuning {
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
   * So many of the connects at once are left then, and after one that failed, as a share: TCP's answer to a loss.
   * @default 0.5
   */
  readonly connectCut: number;
  /**
   * A round that is later than `connectMuchSlower` by less than this, ms, is not slow: such differences are the event loop's.
   * @default 1
   */
  readonly connectNoiseMs: number;
  /**
   * How fast the fastest is forgotten, as a factor per connect: a server that became slower for good is not taken for a
   * crowded one.
   * @default 1.02
   */
  readonly connectForget: number;
  /**
   * Connections left to others of what the server has room for (`max_connections` less what it reserves): an operator, a
   * migration and a monitor can still connect to a server that this pool has filled.
   * @default 10
   */
  readonly serverHeadroom: number;
  /**
   * Of a small server no larger share than this is left to others, or half of it would be nobody's.
   * @default 0.1
   */
  readonly serverHeadroomShare: number;
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
   * After the server refused a connect for want of room, the pool stays at what it has for so long, ms; `holdGrowth` times
   * as long each time that one more is refused again, up to `serverHoldMaxMs`. Others give connections back at their own pace.
   * @default 1_000
   */
  readonly serverHoldMs: number;
  /**
   * The longest of these pauses, ms: a server that was given room is noticed within half a minute, and a full one is asked
   * no more than twice a minute.
   * @default 30_000
   */
  readonly serverHoldMaxMs: number;
  /**
   * Each pause before something is tried again that was in vain (a connect that the server has refused, a probe of the
   * ceiling) is so many times as long as the one before: what does not change is asked less and less.
   * @default 2
   */
  readonly holdGrowth: number;
  /**
   * Weight of the newest sample in the running means of hold and connect times: about the last 16 count. A larger one follows a
   * change of load sooner, and takes one slow query for it.
   * @default 0.125
   */
  readonly meanWeight: number;
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
  /**
   * Of how many ticks: with three, growth begins two seconds after the load came, and one slow tick does not put it off.
   * @default 3
   */
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
   * @default 0.01
   */
  readonly retirePerSecond: number;
  /**
   * The most health checks under way: each is one round trip, and a server that has just come back has better to do.
   * @default 4
   */
  readonly healthChecksAtOnce: number;
  /**
   * At most this share of the idle connections is away for a check (and one may always be): users come first.
   * @default 0.25
   */
  readonly healthCheckShare: number;
  /**
   * The shortest pause between two connects while the server is down, ms: full jitter between this and a cap that doubles with
   * each failure. A restart takes a second or more, so that 50 ms are no delay, and no storm either.
   * @default 50
   */
  readonly backoffMinMs: number;
  /**
   * The highest that cap ever is, ms: a pool is never later than a second.
   * @default 1_000
   */
  readonly backoffMaxMs: number;
  /**
   * The highest it is in the first seconds of an outage, ms, which decide how late the pool is after a short one. An outage of
   * 2 s costs some 15 connects, where pg-pool makes 2 850.
   * @default 250
   */
  readonly backoffEarlyMaxMs: number;
  /**
   * How the cap rises from there to `backoffMaxMs`: to this share of the age of the outage, by which the first success is late
   * at most.
   * @default 0.125
   */
  readonly backoffAgeShare: number;
  /**
   * Slow start is over when nothing has failed for so long, ms, however few connects were needed.
   * @default 2_000
   */
  readonly recoveredMs: number;
  /**
   * The pause between two connects after an error that trying again does not change, ms: somebody may mend the password.
   * @default 1_000
   */
  readonly fatalRetryMs: number;
  /**
   * How many decisions `scalingEvents()` remembers: enough to see what led to an incident, and a bound on what
   * they take.
   * @default 1_000
   */
  readonly eventsKept: number;
}

/** What each constant is where nothing else is asked for, and what it may be. */
export const TUNING: { readonly [K in keyof Tuning]: readonly [byDefault: number, check: Check] } =
  {
    waitTargetMs: [20, FINITE],
    connectGuessMs: [15, FINITE],
    maxConnectingCap: [16, whole(1)],
    connectSlower: [1.5, FACTOR],
    connectMuchSlower: [2, FACTOR],
    connectCut: [0.5, BETWEEN],
    connectNoiseMs: [1, ATLEAST0],
    connectForget: [1.02, FACTOR],
    serverHeadroom: [10, COUNT],
    serverHeadroomShare: [0.1, SHARE],
    serverLimitsFrom: [10, COUNT],
    serverLimitsMs: [300_000, DURATION],
    serverHoldMs: [1_000, FINITE],
    serverHoldMaxMs: [30_000, FINITE],
    holdGrowth: [2, FACTOR],
    meanWeight: [0.125, BETWEEN],
    tickMs: [1_000, FINITE],
    busyTickMs: [250, FINITE],
    targetUtilization: [0.65, BETWEEN],
    growthPerTick: [1.5, FACTOR],
    growthTicks: [2, whole(1)],
    growthWindowTicks: [3, whole(1)],
    shrinkWindowTicks: [60, whole(1)],
    shrinkAfterGrowthMs: [60_000, ATLEAST0],
    shrinkPerTick: [0.1, SHARE],
    retirePerSecond: [0.01, RATE],
    healthChecksAtOnce: [4, whole(1)],
    healthCheckShare: [0.25, SHARE],
    ...CEILING_TUNING,
    backoffMinMs: [50, FINITE],
    backoffMaxMs: [1_000, FINITE],
    backoffEarlyMaxMs: [250, FINITE],
    backoffAgeShare: [0.125, POSITIVE],
    recoveredMs: [2_000, FINITE],
    fatalRetryMs: [1_000, FINITE],
    eventsKept: [1_000, whole(1)],
  };

/** What the policies run with where nothing else is asked for. */
export const DEFAULT_TUNING: Tuning = Object.fromEntries(
  Object.entries(TUNING).map(([key, [byDefault]]) => [key, byDefault]),
) as unknown as Tuning;
