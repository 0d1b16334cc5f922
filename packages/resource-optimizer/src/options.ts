import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { InvalidOptionError } from './errors.ts';
import type { HostProbe } from './host_probe.ts';

/** Options of {@link ResourceUsageOptimizer}. All are optional. */
export interface ResourceUsageOptimizerOptions {
  /**
   * Share of the memory limit (the container's, else the machine's RAM) the process should stay under, 0.1..0.95.
   * @default {0.8}
   */
  readonly memoryTarget?: number;
  /**
   * Share of the available cores the process should stay under when sustained, 0.1..0.95.
   * @default {0.7}
   */
  readonly cpuTarget?: number;
  /**
   * Share of acquires that should need no new connection, 0..0.9999.
   * @default {0.95}
   */
  readonly reuseTarget?: number;
  /**
   * How long a collection should stop the program at most (99th percentile), in ms, 0.1..1000. Nothing in a running
   * process can force it; missing it yields advice.
   * @default {10}
   */
  readonly gcTargetMs?: number;
  /**
   * Time between two samples in ms, 50..60 000.
   * @default {1000}
   */
  readonly sampleIntervalMs?: number;
  /**
   * Whether `start()` also acts by itself. When false it only measures; the `optimize…` methods act all the same.
   * @default {true}
   */
  readonly act?: boolean;
  /**
   * Time between two runs of the relievers while the pressure lasts, in ms, 100..3 600 000.
   * @default {10_000}
   */
  readonly relieverCooldownMs?: number;
  /**
   * A reliever that takes longer is given up on, in ms, 10..600 000.
   * @default {5000}
   */
  readonly relieverTimeoutMs?: number;
  /**
   * Memory is trimmed when at least this much looks reclaimable, in MiB, 1..1 048 576.
   * @default {64}
   */
  readonly trimMinReclaimableMb?: number;
  /**
   * Memory is trimmed only while the event loop is less busy than this, 0..1.
   * @default {0.3}
   */
  readonly trimMaxUtilization?: number;
  /**
   * Time between two trims in ms, 1000..86 400 000. Doubled after each that yields little; a sixth at critical memory.
   * @default {60_000}
   */
  readonly trimCooldownMs?: number;
  /**
   * Without memory pressure, no trim that is expected to stop the program for longer, in ms, 1..10 000.
   * @default {100}
   */
  readonly trimMaxStallMs?: number;
  /**
   * `admit()` refuses while the oldest queued request is older, in ms, 1..60 000.
   * @default {100}
   */
  readonly shedQueueAgeMs?: number;
  /**
   * An event loop busier than this is saturated, 0.5..1.
   * @default {0.95}
   */
  readonly shedUtilization?: number;
  /**
   * The queue must be too old for this long before `admit()` refuses, in ms, 0..60 000. At three times the capacity the
   * last one let in waits for three times the age the first has by then.
   * @default {50}
   */
  readonly shedAfterMs?: number;
  /**
   * It must be calm for this long before shedding ends, in ms, 0..600 000.
   * @default {1000}
   */
  readonly shedReleaseMs?: number;
  /** Where time comes from; for tests. @default {systemClock} */
  readonly clock?: Clock;
  /** Where the numbers come from; for tests. @default {systemHostProbe()} */
  readonly host?: HostProbe;
}

/** Options of {@link ConcurrencyLimiter}. All are optional. */
export interface ConcurrencyLimiterOptions {
  /** Shown in reports. @default {'limiter'} */
  readonly name?: string;
  /** Never fewer at once, 1..1 000 000. @default {1} */
  readonly minLimit?: number;
  /** Never more at once, 1..1 000 000. Make it the pool's maximum. @default {100} */
  readonly maxLimit?: number;
  /** At the beginning, 1..1 000 000; cut to the bounds. @default {8} */
  readonly initialLimit?: number;
  /** More wait than this: refused. 0 or more, or Infinity. @default {Infinity} */
  readonly maxWaiting?: number;
  /** The limit is decided on this often, in ms, 10..60 000. @default {200} */
  readonly windowMs?: number;
  /** ... from at least this many round trips, 1..10 000. @default {20} */
  readonly minSamples?: number;
  /** Decisions between two measurements of the unloaded round trip, 2..100 000. @default {60} */
  readonly probeEvery?: number;
  /** Whether an error means the server had too much (a deadline, "too many connections"). @default {() => false} */
  readonly isOverload?: (error: unknown) => boolean;
  /** Where time comes from; for tests. @default {systemClock} */
  readonly clock?: Clock;
}

interface Range {
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly whole?: true;
  readonly infinite?: true;
}

type OptimizerNumber = Exclude<keyof ResourceUsageOptimizerOptions, 'act' | 'clock' | 'host'>;
type LimiterNumber = Exclude<keyof ConcurrencyLimiterOptions, 'name' | 'isOverload' | 'clock'>;

const OPTIMIZER_NUMBERS: Readonly<Record<OptimizerNumber, Range>> = {
  memoryTarget: { value: 0.8, min: 0.1, max: 0.95 },
  cpuTarget: { value: 0.7, min: 0.1, max: 0.95 },
  reuseTarget: { value: 0.95, min: 0, max: 0.9999 },
  gcTargetMs: { value: 10, min: 0.1, max: 1000 },
  sampleIntervalMs: { value: 1000, min: 50, max: 60_000 },
  relieverCooldownMs: { value: 10_000, min: 100, max: 3_600_000 },
  relieverTimeoutMs: { value: 5000, min: 10, max: 600_000 },
  trimMinReclaimableMb: { value: 64, min: 1, max: 1_048_576 },
  trimMaxUtilization: { value: 0.3, min: 0, max: 1 },
  trimCooldownMs: { value: 60_000, min: 1000, max: 86_400_000 },
  trimMaxStallMs: { value: 100, min: 1, max: 10_000 },
  shedQueueAgeMs: { value: 100, min: 1, max: 60_000 },
  shedUtilization: { value: 0.95, min: 0.5, max: 1 },
  shedAfterMs: { value: 50, min: 0, max: 60_000 },
  shedReleaseMs: { value: 1000, min: 0, max: 600_000 },
};

const LIMITER_NUMBERS: Readonly<Record<LimiterNumber, Range>> = {
  minLimit: { value: 1, min: 1, max: 1_000_000, whole: true },
  maxLimit: { value: 100, min: 1, max: 1_000_000, whole: true },
  initialLimit: { value: 8, min: 1, max: 1_000_000, whole: true },
  maxWaiting: {
    value: Number.POSITIVE_INFINITY,
    min: 0,
    max: 2 ** 32,
    whole: true,
    infinite: true,
  },
  windowMs: { value: 200, min: 10, max: 60_000 },
  minSamples: { value: 20, min: 1, max: 10_000, whole: true },
  probeEvery: { value: 60, min: 2, max: 100_000, whole: true },
};

/** The optimizer's options with every default filled in. */
export type ResolvedOptimizerOptions = Readonly<Record<OptimizerNumber, number>> & {
  readonly act: boolean;
  readonly clock: Clock;
  readonly host: HostProbe | undefined;
};

/** The limiter's options with every default filled in. */
export type ResolvedLimiterOptions = Readonly<Record<LimiterNumber, number>> & {
  readonly name: string;
  readonly isOverload: (error: unknown) => boolean;
  readonly clock: Clock;
};

/** @throws InvalidOptionError naming the field, its value and the accepted range */
export function resolveOptimizerOptions(
  options: ResourceUsageOptimizerOptions,
): ResolvedOptimizerOptions {
  refuseUnknown(options, [...Object.keys(OPTIMIZER_NUMBERS), 'act', 'clock', 'host']);
  return {
    ...numbers(options, OPTIMIZER_NUMBERS),
    act: typed(options.act, 'act', 'boolean') ?? true,
    clock: methods(options.clock, 'clock', ['now', 'wallNow', 'setTimeout']) ?? systemClock,
    host: methods(options.host, 'host', [
      'start',
      'read',
      'loop',
      'nextInterval',
      'limits',
      'rssBytes',
      'collect',
      'inspected',
      'stop',
    ]),
  };
}

/** @throws InvalidOptionError naming the field, its value and the accepted range */
export function resolveLimiterOptions(options: ConcurrencyLimiterOptions): ResolvedLimiterOptions {
  refuseUnknown(options, [...Object.keys(LIMITER_NUMBERS), 'name', 'isOverload', 'clock']);
  const resolved = numbers(options, LIMITER_NUMBERS);
  if (resolved.minLimit > resolved.maxLimit) {
    throw new InvalidOptionError(
      'minLimit',
      resolved.minLimit,
      `at most maxLimit (${resolved.maxLimit})`,
    );
  }
  return {
    ...resolved,
    name: typed(options.name, 'name', 'string') ?? 'limiter',
    isOverload: typed(options.isOverload, 'isOverload', 'function') ?? (() => false),
    clock: methods(options.clock, 'clock', ['now', 'wallNow', 'setTimeout']) ?? systemClock,
  };
}

function refuseUnknown(options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InvalidOptionError('options', options, 'an object');
  }
  for (const [key, value] of Object.entries(options)) {
    if (!known.includes(key)) {
      throw new InvalidOptionError(key, value, `no such option; known are ${known.join(', ')}`);
    }
  }
}

function numbers<K extends string>(
  options: object,
  ranges: Readonly<Record<K, Range>>,
): Record<K, number> {
  const resolved: Partial<Record<K, number>> = {};
  for (const [field, range] of Object.entries(ranges) as [K, Range][]) {
    const given = (options as Partial<Record<string, unknown>>)[field];
    // Not `??`: null is a mistake worth telling, not a wish for the default.
    const value = given === undefined ? range.value : given;
    if (!within(value, range)) {
      const kind = range.whole ? 'a whole number' : 'a number';
      const or = range.infinite ? ', or Infinity' : '';
      throw new InvalidOptionError(field, value, `${kind} from ${range.min} to ${range.max}${or}`);
    }
    resolved[field] = value;
  }
  return resolved as Record<K, number>;
}

function within(value: unknown, range: Range): value is number {
  if (range.infinite && value === Number.POSITIVE_INFINITY) return true;
  if (typeof value !== 'number' || !(value >= range.min && value <= range.max)) return false;
  return range.whole !== true || Number.isInteger(value);
}

function typed<T>(value: T, field: string, type: 'boolean' | 'string' | 'function'): T {
  if (value !== undefined && typeof value !== type) {
    throw new InvalidOptionError(field, value, `a ${type}`);
  }
  return value;
}

function methods<T>(value: T, field: string, names: readonly string[]): T {
  if (value === undefined) return value;
  for (const name of names) {
    if (typeof (value as Record<string, unknown> | null)?.[name] !== 'function') {
      throw new InvalidOptionError(field, value, `an object with the methods ${names.join(', ')}`);
    }
  }
  return value;
}
