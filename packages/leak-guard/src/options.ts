/**
 * Every option of the guard with its default; defaults stand nowhere else.
 *
 * @module
 */
import { type Clock, systemClock } from './clock.ts';
import { InvalidOptionError } from './errors.ts';

/**
 * How many acquires have their call stack taken: none, 1 in 128, 1 in 16, every one. The words and the first rate are
 * Netty's `ResourceLeakDetector`; unlike there, the guard goes to "every one" by itself for ten minutes after a leak.
 */
export type LeakLevel = 'disabled' | 'simple' | 'advanced' | 'paranoid';

/** When memory that grows is called a leak. The defaults are those of the seeded simulation in `_memory_policy_test.ts`. */
export interface TrendOptions {
  /** Points judged at a time. @default 40, range 8..200 */
  readonly windowPoints?: number;
  /** No verdict below this many points. @default 20, range 8..windowPoints */
  readonly minPoints?: number;
  /** Chance of a trend in noise, one-sided Mann–Kendall. @default 0.001, range 1e-9..0.05 */
  readonly alpha?: number;
  /** Growth over the window below this is never a trend, MiB. @default 8, range 0.1..1e6 */
  readonly minGrowthMb?: number;
  /** A trend must hold this long, without slowing down, to be a leak, ms. @default 1200000, range 0..86400000 */
  readonly confirmAfterMs?: number;
  /** A trend that would reach the memory limit within this time is a leak at once, ms. @default 600000, range 0..86400000 */
  readonly etaCriticalMs?: number;
}

/** Heap snapshots on a confirmed heap leak. Off by default: a 600 MB heap stops the process for a minute and takes 10 GB. */
export interface SnapshotOptions {
  /** Where files go; must exist. Nothing in it is ever deleted. */
  readonly directory: string;
  /** No further snapshot once this many are there. @default 2, range 1..100 */
  readonly maxFiles?: number;
  /** No further snapshot that could bring the sum of all above this, bytes. @default 2147483648, range 1..1e15 */
  readonly maxBytes?: number;
  /** Time between two, ms. @default 3600000, range 0..2592000000 */
  readonly cooldownMs?: number;
  /** Available memory must be this many times the used heap. @default 16, range 1..100 */
  readonly headroomFactor?: number;
}

export interface MemoryLeakPreventionOptions {
  /**
   * Growth of the memory floor (what is left after a major collection) that makes a *proven* trend urgent: the culprit is
   * looked for at once instead of after the confirmation time. Raw growth by this much proves nothing: as an alarm of
   * its own it is wrong on half of all healthy series. MiB. @default 100, range 1..1e6
   */
  readonly growthThresholdMb?: number;
  /** Time between two memory snapshots, ms. @default 30000, range 20..3600000 */
  readonly monitoringIntervalMs?: number;
  /** Time between two looks at the open leases, ms. @default 250, range 10..60000 */
  readonly sweepIntervalMs?: number;
  /** A lease held longer than this is looked into, ms. @default 30000, range 50..86400000 */
  readonly leakDetectionThresholdMs?: number;
  /** Share of acquires whose call stack is taken. @default 'simple' */
  readonly level?: LeakLevel;
  /** Frames kept of a call stack. @default 8, range 1..50 */
  readonly stackFrames?: number;
  /** `proven` takes back leases that nobody can reach any more; `off` only reports them. @default 'proven' */
  readonly reclaim?: 'proven' | 'off';
  /** How a major collection is brought about: see `_soft_probe.ts`; `full` stops the world, `off` waits for natural ones. @default 'soft' */
  readonly probe?: 'soft' | 'full' | 'off';
  /** Loop stalls that probes may cause while nobody waits for a connection, ms per minute. @default 100, range 0..60000 */
  readonly probeStallMsPerMinute?: number;
  /** Whether the sampling heap profiler names the function behind a growth. @default 'sampling' */
  readonly attribution?: 'sampling' | 'off';
  /** How long it samples, ms. @default 8000, range 10..600000 */
  readonly attributionMs?: number;
  /** Time between two samplings, ms. @default 600000, range 0..86400000 */
  readonly attributionCooldownMs?: number;
  /** Heap snapshots. @default false */
  readonly snapshot?: false | SnapshotOptions;
  readonly trend?: TrendOptions;
  /** Work in flight, in any unit: growth that it explains is no leak. @default acquires of the attached pools per interval */
  readonly load?: () => number;
  /** @default the system's */
  readonly clock?: Clock;
}

type Defined<T> = { readonly [K in keyof T]-?: Exclude<T[K], undefined> };

export type ResolvedSnapshotOptions = Defined<SnapshotOptions>;
export type ResolvedTrendOptions = Defined<TrendOptions>;
export interface ResolvedOptions
  extends Defined<Omit<MemoryLeakPreventionOptions, 'trend' | 'snapshot' | 'load'>> {
  readonly trend: ResolvedTrendOptions;
  readonly snapshot: false | ResolvedSnapshotOptions;
  readonly load: (() => number) | undefined;
}

type Numbers = Record<string, readonly [fallback: number, least: number, most: number]>;

const NUMBERS = {
  growthThresholdMb: [100, 1, 1e6],
  monitoringIntervalMs: [30_000, 20, 3_600_000],
  sweepIntervalMs: [250, 10, 60_000],
  leakDetectionThresholdMs: [30_000, 50, 86_400_000],
  stackFrames: [8, 1, 50],
  probeStallMsPerMinute: [100, 0, 60_000],
  attributionMs: [8_000, 10, 600_000],
  attributionCooldownMs: [600_000, 0, 86_400_000],
} as const satisfies Numbers;

const TREND = {
  windowPoints: [40, 8, 200],
  minPoints: [20, 8, 200],
  alpha: [0.001, 1e-9, 0.05],
  minGrowthMb: [8, 0.1, 1e6],
  confirmAfterMs: [1_200_000, 0, 86_400_000],
  etaCriticalMs: [600_000, 0, 86_400_000],
} as const satisfies Numbers;

const SNAPSHOT = {
  maxFiles: [2, 1, 100],
  maxBytes: [2_147_483_648, 1, 1e15],
  cooldownMs: [3_600_000, 0, 2_592_000_000],
  headroomFactor: [16, 1, 100],
} as const satisfies Numbers;

const CHOICES = {
  level: ['simple', 'disabled', 'advanced', 'paranoid'],
  reclaim: ['proven', 'off'],
  probe: ['soft', 'full', 'off'],
  attribution: ['sampling', 'off'],
} as const;

/**
 * Fills in the defaults.
 *
 * @throws InvalidOptionError for an unknown name or a value outside its range.
 */
export function resolveOptions(given: MemoryLeakPreventionOptions = {}): ResolvedOptions {
  const bag = asBag(given, '');
  knownOnly(bag, '', [
    ...Object.keys(NUMBERS),
    ...Object.keys(CHOICES),
    'snapshot',
    'trend',
    'load',
    'clock',
  ]);
  const trend = resolveTrend(bag['trend']);
  return {
    ...numbers(bag, NUMBERS, ''),
    level: choice(bag, 'level'),
    reclaim: choice(bag, 'reclaim'),
    probe: choice(bag, 'probe'),
    attribution: choice(bag, 'attribution'),
    snapshot: resolveSnapshot(bag['snapshot']),
    trend,
    load: resolveLoad(bag['load']),
    clock: given.clock ?? systemClock,
  };
}

function resolveTrend(value: unknown): ResolvedTrendOptions {
  const bag = asBag(value ?? {}, 'trend');
  knownOnly(bag, 'trend.', Object.keys(TREND));
  const trend = numbers(bag, TREND, 'trend.');
  if (trend.minPoints > trend.windowPoints) {
    throw new InvalidOptionError(
      'trend.minPoints',
      trend.minPoints,
      `at most windowPoints (${trend.windowPoints})`,
    );
  }
  return trend;
}

function resolveSnapshot(value: unknown): false | ResolvedSnapshotOptions {
  if (value === undefined || value === false) return false;
  const bag = asBag(value, 'snapshot');
  knownOnly(bag, 'snapshot.', ['directory', ...Object.keys(SNAPSHOT)]);
  const { directory } = bag;
  if (typeof directory !== 'string' || directory === '') {
    throw new InvalidOptionError('snapshot.directory', directory, 'the path of an existing folder');
  }
  return { directory, ...numbers(bag, SNAPSHOT, 'snapshot.') };
}

function resolveLoad(value: unknown): (() => number) | undefined {
  if (value !== undefined && typeof value !== 'function') {
    throw new InvalidOptionError('load', value, 'a function that returns a number');
  }
  return value as (() => number) | undefined;
}

function asBag(value: unknown, field: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) {
    throw new InvalidOptionError(field === '' ? 'options' : field, value, 'an object');
  }
  return value as Record<string, unknown>;
}

function knownOnly(bag: Record<string, unknown>, prefix: string, known: readonly string[]): void {
  for (const key of Object.keys(bag)) {
    if (!known.includes(key)) {
      throw new InvalidOptionError(
        `${prefix}${key}`,
        bag[key],
        `one of the known options: ${known.join(', ')}`,
      );
    }
  }
}

function numbers<T extends Numbers>(
  bag: Record<string, unknown>,
  table: T,
  prefix: string,
): { [K in keyof T]: number } {
  const out: Record<string, number> = {};
  for (const [field, [fallback, least, most]] of Object.entries(table)) {
    const value = bag[field] ?? fallback;
    if (typeof value !== 'number' || !(value >= least && value <= most)) {
      throw new InvalidOptionError(`${prefix}${field}`, value, `a number from ${least} to ${most}`);
    }
    out[field] = value;
  }
  return out as { [K in keyof T]: number };
}

/** The first of each list is the default. */
function choice<K extends keyof typeof CHOICES>(
  bag: Record<string, unknown>,
  field: K,
): (typeof CHOICES)[K][number] {
  const allowed: readonly unknown[] = CHOICES[field];
  const value = bag[field] ?? allowed[0];
  if (!allowed.includes(value))
    throw new InvalidOptionError(field, value, `one of ${allowed.join(', ')}`);
  return value as (typeof CHOICES)[K][number];
}
