/**
 * The options of {@link DynamicConnectionPoolManager}, their defaults and their limits: the only place for all three.
 *
 * @module
 */
import { type Clock, systemClock } from './clock.ts';
import type { ConnectionFactory } from './connection_factory.ts';
import { InvalidOptionError } from './errors.ts';

/** What `new DynamicConnectionPoolManager()` takes. Only `factory` is required. All durations in ms; Infinity: never. */
export interface DynamicConnectionPoolManagerOptions<C> {
  /** Makes and destroys the connections. */
  readonly factory: ConnectionFactory<C>;
  /**
   * What the pool is called in errors, events and channels.
   * @default 'pool'
   */
  readonly name?: string | undefined;
  /**
   * Kept open and warm: opened in the background by `start()` or the first acquire, and replaced when lost.
   * 0..maxConnections.
   * @default 10
   */
  readonly minConnections?: number | undefined;
  /**
   * The most connections, in any state. The pool may hold itself below it, and says why: see `explain()`. 1 or more.
   * @default 500
   */
  readonly maxConnections?: number | undefined;
  /**
   * Connections that the idle timeout and shrinking spare, where that is another number than `minConnections`.
   * @default minConnections
   */
  readonly idleFloor?: number | undefined;
  /**
   * The utilisation (leased share of the usable connections) above which the pool grows. Above scaleDownThreshold, to 1.
   * @default 0.8
   */
  readonly scalingThreshold?: number | undefined;
  /**
   * The utilisation below which it shrinks. 0 to below scalingThreshold.
   * @default 0.3
   */
  readonly scaleDownThreshold?: number | undefined;
  /**
   * A connection above the floor that nobody has used for so long is closed.
   * @default 300_000
   */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * Whether the idle timeout is carried out to the millisecond for every connection above the floor (pg-pool's way), rather
   * than by the rules of shrinking: gradually, and not soon after growth.
   * @default false
   */
  readonly exactIdleTimeout?: boolean | undefined;
  /**
   * A connection is replaced after this, less a random share of up to `lifetimeJitter`; never all at once.
   * @default 3_600_000
   */
  readonly connectionLifetimeMs?: number | undefined;
  /**
   * How much earlier than its lifetime a connection may be replaced, as a share of it. 0..1.
   * @default 0.1
   */
  readonly lifetimeJitter?: number | undefined;
  /**
   * A connection is replaced after having been leased so often.
   * @default Infinity
   */
  readonly maxUses?: number | undefined;
  /**
   * Idle connections that gave no sign of life for so long are checked with the factory's `validate`.
   * @default 30_000
   */
  readonly healthCheckIntervalMs?: number | undefined;
  /**
   * How long such a check may take.
   * @default 5_000
   */
  readonly healthCheckTimeoutMs?: number | undefined;
  /**
   * How long an acquire may wait. 0: only for what can be had at once.
   * @default 30_000
   */
  readonly acquireTimeoutMs?: number | undefined;
  /**
   * How long one connect may take, enforced by the pool itself.
   * @default 10_000
   */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * How long the factory's `reset` may take.
   * @default 5_000
   */
  readonly resetTimeoutMs?: number | undefined;
  /**
   * How long closing one connection may take before the pool no longer counts it.
   * @default 5_000
   */
  readonly closeTimeoutMs?: number | undefined;
  /**
   * Of how many acquires the pool keeps the stack, so that AcquireTimeoutError and `connections()` can say from where a connection
   * was taken: at most one in so many ms; 0 for all, Infinity for none. A stack costs about 10 us. For a minute after an
   * acquire timed out they are taken 20 times as often. Range 0..Infinity.
   * @default 20
   */
  readonly acquireStackEveryMs?: number | undefined;
  /**
   * How long `end()` waits for leases before it closes their connections.
   * @default 30_000
   */
  readonly endGraceMs?: number | undefined;
  /**
   * Connects in flight at once, to begin with; the pool goes down to 1 after errors and up to `tuning.maxConnectingCap`
   * while connects stay fast. 1 or more.
   * @default 4
   */
  readonly maxConnecting?: number | undefined;
  /**
   * How many acquires may wait for a full pool; the next is refused with PoolQueueFullError. 0 or more.
   * @default Infinity
   */
  readonly maxWaiting?: number | undefined;
  /**
   * What acquires do while the server cannot be reached: `'wait'` until their own deadline, or be refused (`'reject'`) with
   * the connect error as each connect fails. Errors that waiting cannot mend (wrong password) refuse in both cases.
   * @default 'wait'
   */
  readonly whileDown?: 'wait' | 'reject' | undefined;
  /**
   * Whether connect errors reach callers wrapped in a ConnectFailedError that names the pool, or as they came.
   * @default true
   */
  readonly wrapConnectErrors?: boolean | undefined;
  /**
   * Whether the pool looks for the size above which more connections buy no throughput, and stays below it.
   * @default true
   */
  readonly adaptiveCeiling?: boolean | undefined;
  /** @default the machine's */
  readonly clock?: Clock | undefined;
  /**
   * 0..1, for all jitter.
   * @default Math.random
   */
  readonly random?: (() => number) | undefined;
  /** Constants of the policies. Meant for experiments and tests; the defaults are what was measured. */
  readonly tuning?: Partial<Tuning> | undefined;
}

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

/** The options as the pool reads them: every one present, every one checked. */
export interface Settings<C> {
  readonly factory: ConnectionFactory<C>;
  readonly name: string;
  readonly minConnections: number;
  readonly maxConnections: number;
  readonly idleFloor: number;
  readonly scalingThreshold: number;
  readonly scaleDownThreshold: number;
  readonly idleTimeoutMs: number;
  readonly exactIdleTimeout: boolean;
  readonly connectionLifetimeMs: number;
  readonly lifetimeJitter: number;
  readonly maxUses: number;
  readonly healthCheckIntervalMs: number;
  readonly healthCheckTimeoutMs: number;
  readonly acquireTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly resetTimeoutMs: number;
  readonly closeTimeoutMs: number;
  readonly acquireStackEveryMs: number;
  readonly endGraceMs: number;
  readonly maxConnecting: number;
  readonly maxWaiting: number;
  readonly whileDown: 'wait' | 'reject';
  readonly wrapConnectErrors: boolean;
  readonly adaptiveCeiling: boolean;
  readonly clock: Clock;
  readonly random: () => number;
  readonly tuning: Tuning;
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

const DEFAULTS = {
  name: 'pool',
  minConnections: 10,
  maxConnections: 500,
  scalingThreshold: 0.8,
  scaleDownThreshold: 0.3,
  idleTimeoutMs: 300_000,
  exactIdleTimeout: false,
  connectionLifetimeMs: 3_600_000,
  lifetimeJitter: 0.1,
  maxUses: Number.POSITIVE_INFINITY,
  healthCheckIntervalMs: 30_000,
  healthCheckTimeoutMs: 5_000,
  acquireTimeoutMs: 30_000,
  connectTimeoutMs: 10_000,
  resetTimeoutMs: 5_000,
  closeTimeoutMs: 5_000,
  acquireStackEveryMs: 20,
  endGraceMs: 30_000,
  maxConnecting: 4,
  maxWaiting: Number.POSITIVE_INFINITY,
  whileDown: 'wait',
  wrapConnectErrors: true,
  adaptiveCeiling: true,
} as const;

type Check = readonly [wanted: string, ok: (value: unknown) => boolean];

const isNumber = (value: unknown): value is number => typeof value === 'number';
const whole = (from: number): Check => [
  `a whole number >= ${from}`,
  (value) => Number.isInteger(value) && (value as number) >= from,
];
const wholeOrNever = (from: number): Check => [
  `a whole number >= ${from}, or Infinity`,
  (value) =>
    value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && (value as number) >= from),
];
const COUNT: Check = whole(0);
const DURATION: Check = [
  'a number of ms > 0, or Infinity',
  (value) => isNumber(value) && value > 0,
];
const FINITE: Check = [
  'a finite number of ms > 0',
  (value) => isNumber(value) && value > 0 && value < Number.POSITIVE_INFINITY,
];
const SHARE: Check = [
  'a number from 0 to 1',
  (value) => isNumber(value) && value >= 0 && value <= 1,
];
const FACTOR: Check = [
  'a finite number > 1',
  (value) => isNumber(value) && value > 1 && value < Number.POSITIVE_INFINITY,
];
const POSITIVE: Check = [
  'a finite number > 0',
  (value) => isNumber(value) && value > 0 && value < Number.POSITIVE_INFINITY,
];
const RATE: Check = ['a number > 0, or Infinity', (value) => isNumber(value) && value > 0];
const FLAG: Check = ['true or false', (value) => typeof value === 'boolean'];
const ATLEAST0: Check = [
  'a number of ms >= 0, or Infinity',
  (value) => isNumber(value) && value >= 0,
];

const CHECKS: Readonly<Record<keyof DynamicConnectionPoolManagerOptions<unknown>, Check>> = {
  factory: [
    'an object with create() and destroy()',
    (value) => {
      const factory = value as Partial<ConnectionFactory<unknown>> | null | undefined;
      return typeof factory?.create === 'function' && typeof factory.destroy === 'function';
    },
  ],
  name: ['a string', (value) => typeof value === 'string'],
  minConnections: COUNT,
  maxConnections: whole(1),
  idleFloor: COUNT,
  scalingThreshold: SHARE,
  scaleDownThreshold: SHARE,
  idleTimeoutMs: DURATION,
  exactIdleTimeout: FLAG,
  connectionLifetimeMs: DURATION,
  lifetimeJitter: SHARE,
  maxUses: wholeOrNever(1),
  healthCheckIntervalMs: DURATION,
  healthCheckTimeoutMs: FINITE,
  acquireTimeoutMs: ATLEAST0,
  connectTimeoutMs: DURATION,
  resetTimeoutMs: FINITE,
  closeTimeoutMs: FINITE,
  acquireStackEveryMs: ATLEAST0,
  endGraceMs: ATLEAST0,
  maxConnecting: whole(1),
  maxWaiting: wholeOrNever(0),
  whileDown: [`'wait' or 'reject'`, (value) => value === 'wait' || value === 'reject'],
  wrapConnectErrors: FLAG,
  adaptiveCeiling: FLAG,
  clock: [
    'an object with now(), wallNow() and setTimeout()',
    (value) => typeof (value as Partial<Clock> | null)?.setTimeout === 'function',
  ],
  random: ['a function', (value) => typeof value === 'function'],
  tuning: ['an object', (value) => typeof value === 'object' && value !== null],
};

const TUNING_CHECKS: Readonly<Record<keyof Tuning, Check>> = {
  waitTargetMs: FINITE,
  connectGuessMs: FINITE,
  maxConnectingCap: whole(1),
  connectSlower: FACTOR,
  connectMuchSlower: FACTOR,
  connectForget: FACTOR,
  serverHeadroom: COUNT,
  serverLimitsFrom: COUNT,
  serverLimitsMs: DURATION,
  serverHoldMs: FINITE,
  serverHoldMaxMs: FINITE,
  tickMs: FINITE,
  busyTickMs: FINITE,
  targetUtilization: [
    'a number above 0, to 1',
    (value) => isNumber(value) && value > 0 && value <= 1,
  ],
  growthPerTick: FACTOR,
  growthTicks: whole(1),
  growthWindowTicks: whole(1),
  shrinkWindowTicks: whole(1),
  shrinkAfterGrowthMs: ATLEAST0,
  shrinkPerTick: SHARE,
  retirePerSecond: RATE,
  minElasticity: SHARE,
  ceilingCut: ['a number between 0 and 1', (value) => isNumber(value) && value > 0 && value < 1],
  growthStep: FACTOR,
  unprovenGrowthStep: FACTOR,
  growthStepFloor: whole(1),
  ceilingHoldMs: FINITE,
  ceilingHoldMaxMs: FINITE,
  minCompletions: whole(1),
  evidenceMs: FINITE,
  judgedGrowth: POSITIVE,
  bestMemory: SHARE,
  workingShare: SHARE,
  presentShare: SHARE,
  collapsedShare: SHARE,
  collapseHold: POSITIVE,
  recovered: FACTOR,
  backlogHold: POSITIVE,
  probeStride: POSITIVE,
  ceilingFloor: COUNT,
  fullElasticity: SHARE,
  quickHold: POSITIVE,
  trendMemory: whole(2),
  trendCorrelation: SHARE,
  loopDelayMs: FINITE,
  loopUtilization: SHARE,
  backoffMinMs: FINITE,
  backoffMaxMs: FINITE,
  fatalRetryMs: FINITE,
  eventsKept: whole(1),
};

/**
 * Checks the options and fills in the defaults.
 *
 * @throws InvalidOptionError naming the option, its value and what was wanted.
 */
export function readOptions<C>(options: DynamicConnectionPoolManagerOptions<C>): Settings<C> {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidOptionError('options', options, 'an object, such as { factory }');
  }
  checkAll(options, CHECKS, '');
  if (options.factory === undefined) {
    throw new InvalidOptionError('factory', undefined, CHECKS.factory[0]);
  }
  const tuning = readTuning(options.tuning ?? {});
  const given = defined(options);
  const maxConnections = options.maxConnections ?? DEFAULTS.maxConnections;
  // A small maximum alone is no contradiction to a default.
  const minConnections =
    options.minConnections ?? Math.min(DEFAULTS.minConnections, maxConnections);
  const settings: Settings<C> = {
    clock: systemClock,
    random: Math.random,
    ...DEFAULTS,
    ...given,
    factory: options.factory,
    maxConnections,
    minConnections,
    idleFloor: options.idleFloor ?? minConnections,
    tuning: {
      ...tuning,
      maxConnectingCap: Math.max(
        tuning.maxConnectingCap,
        options.maxConnecting ?? DEFAULTS.maxConnecting,
      ),
    },
  };
  if (minConnections > maxConnections) {
    throw new InvalidOptionError(
      'minConnections',
      minConnections,
      `at most maxConnections (${maxConnections})`,
    );
  }
  if (settings.scaleDownThreshold >= settings.scalingThreshold) {
    throw new InvalidOptionError(
      'scaleDownThreshold',
      settings.scaleDownThreshold,
      `below scalingThreshold (${settings.scalingThreshold})`,
    );
  }
  return settings;
}

/** Bounds for `resize()`. @throws InvalidOptionError */
export function checkBounds(min: number, max: number): void {
  check('min', min, COUNT);
  check('max', max, CHECKS.maxConnections);
  if (min > max) throw new InvalidOptionError('min', min, `at most max (${max})`);
}

/** A count or duration given to one call. @throws InvalidOptionError */
export function checkCount(option: string, value: unknown): void {
  check(option, value, COUNT);
}

/** @throws InvalidOptionError */
export function checkDuration(option: string, value: unknown): void {
  check(option, value, ATLEAST0);
}

function readTuning(given: Partial<Tuning>): Tuning {
  checkAll(given, TUNING_CHECKS, 'tuning.');
  const tuning: Tuning = { ...DEFAULT_TUNING, ...defined(given) };
  if (tuning.backoffMinMs > tuning.backoffMaxMs) {
    throw new InvalidOptionError(
      'tuning.backoffMinMs',
      tuning.backoffMinMs,
      `at most tuning.backoffMaxMs (${tuning.backoffMaxMs})`,
    );
  }
  return tuning;
}

function checkAll(given: object, checks: Readonly<Record<string, Check>>, prefix: string): void {
  for (const [key, value] of Object.entries(given)) {
    const known = Object.hasOwn(checks, key) ? checks[key] : undefined;
    if (known === undefined) {
      const wanted = `one of ${Object.keys(checks).join(', ')}`;
      throw new InvalidOptionError(`${prefix}${key}`, value, wanted);
    }
    if (value !== undefined) check(`${prefix}${key}`, value, known);
  }
}

function check(option: string, value: unknown, [wanted, ok]: Check): void {
  if (!ok(value)) throw new InvalidOptionError(option, value, wanted);
}

/** Without the keys that are undefined, so that spreading it does not undo a default. */
function defined<T extends object>(given: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
