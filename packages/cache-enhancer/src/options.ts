import type { Redis } from 'ioredis';
import { type Clock, systemClock } from './clock.ts';
import { type Codec, jsonCodec } from './codec.ts';
import { InvalidOptionError } from './errors.ts';

/** What a cache is made of. Only `redis` is required. */
export interface CachePerformanceEnhancerOptions {
  /**
   * An ioredis client (5.4 or newer, or 6) to the server to use. It serves as the *pattern*: the cache opens connections of its
   * own with `duplicate()`, because tracking, time limits and the absence of an offline queue would disturb other users.
   * Its `keyPrefix` is honoured. A Cluster client is refused.
   */
  redis: Redis;
  /**
   * First part of every key in Redis; caches of the same name share their values.
   * @default 'fynlo'
   */
  namespace?: string;
  /**
   * How long a value is fresh, in milliseconds, 1 to 30 days.
   * @default 60_000
   */
  ttlMs?: number;
  /**
   * Up to this share of the TTL is taken off at random, 0 to 1, so that what was filled together does not expire together.
   * @default 0.1
   */
  ttlJitter?: number;
  /**
   * How long after its TTL a value may still be given out while it is refreshed in the background, in milliseconds, 0 to
   * 30 days. While Redis cannot be reached it also covers values whose freshness cannot be proven. 0: never.
   * @default 0
   */
  graceMs?: number;
  /**
   * The TTL of `null` and `undefined`, in milliseconds, where shorter than `ttlMs`: rows that are missing tend to appear.
   * @default 10_000
   */
  negativeTtlMs?: number;
  /**
   * How eagerly values are refreshed before they expire, 0 to 100: XFetch's beta, see `earlyRefreshMs`. 0: not before.
   * @default 1
   */
  earlyRefreshBeta?: number;
  /**
   * Bound of the in-process level in bytes, 0 to 2^40, as estimated by `valueSize`. 0: no in-process level.
   * @default 67_108_864
   */
  maxLocalBytes?: number;
  /**
   * How long a request that has a value in grace waits for Redis before it takes that value, in milliseconds, 0 to `hardTimeoutMs`.
   * @default 20
   */
  softTimeoutMs?: number;
  /**
   * How long any request waits for Redis in all before it goes to its loader, in milliseconds, 1 to 60 000.
   * @default 100
   */
  hardTimeoutMs?: number;
  /**
   * How old the proof may be that a value in the in-process level was not invalidated elsewhere, in milliseconds, 20 to 60 000:
   * the bound of staleness when the invalidation feed is cut, frozen or not available at all.
   * @default 1_000
   */
  maxStalenessMs?: number;
  /**
   * `'tracking'`: Redis tells when a key that this process holds changes (client tracking, Redis 6 or newer; where Redis refuses, as
   * 'ttl'). `'ttl'`: values of the in-process level live for `maxStalenessMs`.
   * @default 'tracking'
   */
  coherence?: 'tracking' | 'ttl';
  /**
   * How long a key stays reserved for a loader that gives no more sign of life, in milliseconds, 50 to 600 000. Renewed while the
   * loader runs, so it bounds the wait after a crash, not the loader.
   * @default 3_000
   */
  leaseMs?: number;
  /**
   * After this a loader counts as failed and its signal is aborted, in milliseconds, 1 to 3 600 000.
   * @default 30_000
   */
  loaderTimeoutMs?: number;
  /**
   * Slow or refused answers in a row after which Redis is not asked any more, 1 to 1 000. Silence opens the breaker at once.
   * @default 5
   */
  breakerFailures?: number;
  /**
   * How often Redis is probed while the breaker is open, in milliseconds, 10 to 60 000.
   * @default 250
   */
  breakerProbeMs?: number;
  /**
   * Reads of one turn of the event loop go out as one MGET of at most so many keys, 1 to 10 000.
   * @default 256
   */
  maxBatchKeys?: number;
  /**
   * … and of about so many bytes, judged by the size of recent values, 1 024 to 2^30: a large reply would hold up small ones.
   * @default 524_288
   */
  maxBatchBytes?: number;
  /** How values become text in Redis. @default jsonCodec */
  codec?: Codec;
  /** Source of time; for tests. @default systemClock */
  clock?: Clock;
  /** Source of the random numbers of jitter and early refresh, 0 <= x < 1; for tests. @default Math.random */
  random?: () => number;
}

/** What one call may set differently. */
export interface EntryOptions {
  /** @see CachePerformanceEnhancerOptions.ttlMs */
  ttlMs?: number;
  /** @see CachePerformanceEnhancerOptions.graceMs */
  graceMs?: number;
  /** @see CachePerformanceEnhancerOptions.negativeTtlMs */
  negativeTtlMs?: number;
  /** Names by which the value can be invalidated together with others, at most 64. */
  tags?: readonly string[];
}

export type ResolvedOptions = Required<CachePerformanceEnhancerOptions>;

export interface ResolvedEntryOptions {
  ttlMs: number;
  graceMs: number;
  negativeTtlMs: number;
  tags: readonly string[];
}

const DAY_MS = 86_400_000;

const RANGES: Readonly<Record<string, readonly [min: number, max: number]>> = {
  ttlMs: [1, 30 * DAY_MS],
  ttlJitter: [0, 1],
  graceMs: [0, 30 * DAY_MS],
  negativeTtlMs: [1, 30 * DAY_MS],
  earlyRefreshBeta: [0, 100],
  maxLocalBytes: [0, 2 ** 40],
  softTimeoutMs: [0, 60_000],
  hardTimeoutMs: [1, 60_000],
  maxStalenessMs: [20, 60_000],
  leaseMs: [50, 600_000],
  loaderTimeoutMs: [1, 3_600_000],
  breakerFailures: [1, 1000],
  breakerProbeMs: [10, 60_000],
  maxBatchKeys: [1, 10_000],
  maxBatchBytes: [1024, 2 ** 30],
};

const DEFAULTS: Omit<ResolvedOptions, 'redis'> = {
  namespace: 'fynlo',
  ttlMs: 60_000,
  ttlJitter: 0.1,
  graceMs: 0,
  negativeTtlMs: 10_000,
  earlyRefreshBeta: 1,
  maxLocalBytes: 64 * 1024 * 1024,
  softTimeoutMs: 20,
  hardTimeoutMs: 100,
  maxStalenessMs: 1000,
  coherence: 'tracking',
  leaseMs: 3000,
  loaderTimeoutMs: 30_000,
  breakerFailures: 5,
  breakerProbeMs: 250,
  maxBatchKeys: 256,
  maxBatchBytes: 512 * 1024,
  codec: jsonCodec,
  clock: systemClock,
  random: Math.random,
};

/** @throws InvalidOptionError for an unknown name or a value out of range */
export function resolveOptions(given: CachePerformanceEnhancerOptions): ResolvedOptions {
  mustBeObject('options', given);
  const options = { ...DEFAULTS, ...withoutUndefined(given) } as ResolvedOptions;
  refuseUnknown(given, ['redis', ...Object.keys(DEFAULTS)], 'options');
  checkRanges(options, 'options');
  const { redis, namespace, softTimeoutMs, hardTimeoutMs, coherence } = options;
  if (
    typeof redis?.duplicate !== 'function' ||
    (redis as { isCluster?: boolean }).isCluster === true
  ) {
    throw new InvalidOptionError('options.redis', redis, 'an ioredis Redis client (not a Cluster)');
  }
  if (typeof namespace !== 'string' || namespace === '' || !isWellFormed(namespace)) {
    throw new InvalidOptionError(
      'options.namespace',
      namespace,
      'a well-formed string that is not empty',
    );
  }
  if (coherence !== 'tracking' && coherence !== 'ttl') {
    throw new InvalidOptionError('options.coherence', coherence, "'tracking' or 'ttl'");
  }
  if (softTimeoutMs > hardTimeoutMs) {
    if (given.softTimeoutMs !== undefined) {
      throw new InvalidOptionError(
        'options.softTimeoutMs',
        softTimeoutMs,
        `at most hardTimeoutMs (${hardTimeoutMs})`,
      );
    }
    options.softTimeoutMs = hardTimeoutMs;
  }
  return options;
}

/** @throws InvalidOptionError for an unknown name or a value out of range */
export function resolveEntryOptions(
  given: EntryOptions | undefined,
  defaults: ResolvedOptions,
): ResolvedEntryOptions {
  if (given === undefined) return defaultsOf(defaults);
  mustBeObject('entry options', given);
  refuseUnknown(given, ENTRY_FIELDS, 'entry options');
  checkRanges(given, 'entry options');
  const options = { ...defaultsOf(defaults), ...withoutUndefined(given) } as ResolvedEntryOptions;
  if (!Array.isArray(options.tags) || options.tags.length > 64) {
    throw new InvalidOptionError('tags', options.tags, 'an array of at most 64 strings');
  }
  for (const tag of options.tags) assertName('tag', tag);
  return options;
}

/** Keys and tags: text that survives the way to Redis and back, or two of them could meet at one place. */
export function assertName(what: 'key' | 'tag', name: unknown): asserts name is string {
  if (typeof name !== 'string' || name === '' || name.length > 65_536 || !isWellFormed(name)) {
    throw new InvalidOptionError(
      what,
      name,
      'a string of 1 to 65 536 characters without lone surrogates (encode binary keys as latin1, hex or base64)',
    );
  }
}

const ENTRY_FIELDS = ['ttlMs', 'graceMs', 'negativeTtlMs', 'tags'];

const entryDefaults = new WeakMap<ResolvedOptions, ResolvedEntryOptions>();

function defaultsOf(o: ResolvedOptions): ResolvedEntryOptions {
  let defaults = entryDefaults.get(o);
  if (defaults === undefined) {
    defaults = { ttlMs: o.ttlMs, graceMs: o.graceMs, negativeTtlMs: o.negativeTtlMs, tags: [] };
    entryDefaults.set(o, defaults);
  }
  return defaults;
}

function mustBeObject(field: string, value: unknown): void {
  if (typeof value !== 'object' || value === null)
    throw new InvalidOptionError(field, value, 'an object');
}

function refuseUnknown(given: object, known: readonly string[], where: string): void {
  for (const field of Object.keys(given)) {
    if (!known.includes(field)) {
      throw new InvalidOptionError(
        `${where}.${field}`,
        (given as Record<string, unknown>)[field],
        `one of ${known.join(', ')}`,
      );
    }
  }
}

function checkRanges(given: object, where: string): void {
  for (const [field, value] of Object.entries(given)) {
    const range = RANGES[field];
    if (range === undefined || value === undefined) continue;
    const [min, max] = range;
    if (typeof value !== 'number' || !(value >= min && value <= max)) {
      throw new InvalidOptionError(`${where}.${field}`, value, `a number from ${min} to ${max}`);
    }
  }
}

function withoutUndefined(given: object): object {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}
