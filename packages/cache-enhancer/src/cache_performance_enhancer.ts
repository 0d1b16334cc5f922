import { CacheEngine } from './_cache_engine.ts';
import { cacheMetrics } from './_cache_metrics.ts';
import { covers, Requests } from './_requests.ts';
import { MAX_USES } from './_s3_fifo.ts';
import { CacheNamespace } from './cache_namespace.ts';
import type { CacheEvents } from './emitter.ts';
import { CacheClosedError, InvalidOptionError } from './errors.ts';
import { type InvalidationTuningReport, tuneInvalidation } from './invalidation_tuning.ts';
import type { Loader } from './loader.ts';
import { type CacheMetrics, isTimed } from './metrics.ts';
import {
  assertName,
  type CachePerformanceEnhancerOptions,
  type EntryOptions,
  resolveEntryOptions,
  resolveOptions,
} from './options.ts';
import { type RedisTuningReport, tuneRedis } from './redis_tuning.ts';

/** What to invalidate. */
export interface InvalidationTarget {
  keys?: readonly string[];
  tags?: readonly string[];
}

/** What an invalidation did. */
export interface InvalidationResult {
  keys: number;
  tags: number;
  tookMs: number;
}

/**
 * A cache in two levels, this process and Redis, in front of a loader that asks the truth (a database).
 *
 * - A value is loaded once, however many callers and processes ask for it at the same time.
 * - A value that was loaded before an invalidation is not stored after it (leases, after Nishtala et al., "Scaling Memcache at
 *   Facebook", NSDI 2013), in Redis as in the process.
 * - The in-process level is kept true by Redis's client tracking; without proof that its messages arrive, its values are not
 *   believed for longer than `maxStalenessMs`.
 * - Redis is never waited for longer than `hardTimeoutMs`.
 *
 * Values are shared between callers: treat them as read-only.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { CachePerformanceEnhancer } from '@fynlo/cache-enhancer';
 * import { Redis } from 'ioredis';
 *
 * const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379', { lazyConnect: true });
 * const cache = new CachePerformanceEnhancer({ redis, namespace: 'docs-enhancer' });
 *
 * const price = { amount: 990 };
 * const load = async () => ({ ...price });
 * await cache.invalidate({ tags: ['menu'] });
 * assert.deepEqual(await cache.getOrSet('price:espresso', load, { tags: ['menu'] }), { amount: 990 });
 *
 * price.amount = 1090;
 * await cache.invalidate({ tags: ['menu'] });
 * assert.deepEqual(await cache.getOrSet('price:espresso', load, { tags: ['menu'] }), { amount: 1090 });
 *
 * await cache.close();
 * redis.disconnect();
 * ```
 */
export class CachePerformanceEnhancer implements AsyncDisposable {
  readonly #engine: CacheEngine;
  readonly #requests: Requests;

  /**
   * Opens nothing yet.
   *
   * @throws InvalidOptionError for an unknown option or a bad value
   */
  constructor(options: CachePerformanceEnhancerOptions) {
    this.#engine = new CacheEngine(resolveOptions(options));
    this.#requests = new Requests(this.#engine);
  }

  /**
   * Connects and opens the invalidation feed; resolves when both stand, or after five seconds (connecting goes on). Not needed:
   * the first request does it, and waits at most `hardTimeoutMs`.
   *
   * @throws CacheClosedError
   */
  async start(): Promise<void> {
    this.#open('start');
    await this.#engine.start();
  }

  /**
   * The value of `key`; where there is none, what `loader` makes. A local hit comes back without a promise: `await` costs one tick
   * then, and nothing else. The loader's errors are passed on and not cached.
   *
   * @throws InvalidOptionError, CacheClosedError
   * @throws LoaderTimeoutError, CacheValueError, or what the loader throws (as rejections)
   */
  getOrSet<T>(key: string, loader: Loader<T>, options?: EntryOptions): T | Promise<T> {
    const { local, coherence, recorder } = this.#engine;
    const { clock } = this.#engine.options;
    const timed = isTimed(recorder.localHits) ? clock.now() : -1;
    const entry = local.get(key);
    if (entry !== undefined && entry.epoch === coherence.epoch) {
      const now = clock.now();
      if (
        now < entry.refreshAt &&
        (now < coherence.until || now < entry.provenUntil) &&
        (options?.tags === undefined || covers(entry.tags, options.tags))
      ) {
        if (entry.uses < MAX_USES) entry.uses++;
        recorder.localHits++;
        if (timed >= 0) recorder.localHit(clock.now() - timed);
        return entry.value as T;
      }
    }
    this.#open('getOrSet');
    return this.#requests.ask(key, loader, options, entry) as T | Promise<T>;
  }

  /**
   * The value of `key`, or undefined where neither level has one; without a promise on a local hit.
   *
   * @throws InvalidOptionError, CacheClosedError
   */
  get<T = unknown>(key: string): T | undefined | Promise<T | undefined> {
    this.#open('get');
    assertName('key', key);
    const { clock } = this.#engine.options;
    const began = clock.now();
    const entry = this.#engine.local.get(key);
    if (entry !== undefined && began < entry.freshUntil && this.#requests.proven(entry, began)) {
      this.#engine.local.touch(entry);
      this.#requests.countLocal(began, false);
      return entry.value as T;
    }
    this.#engine.recorder.distinct.add(key);
    return this.#requests.look(key, entry, began) as Promise<T | undefined>;
  }

  /**
   * The values of `keys`, in their order, undefined where there is none; one round trip to Redis for all that are not local.
   *
   * @throws InvalidOptionError, CacheClosedError
   */
  async getMany<T = unknown>(keys: readonly string[]): Promise<(T | undefined)[]> {
    if (!Array.isArray(keys)) throw new InvalidOptionError('keys', keys, 'an array of strings');
    return Promise.all(keys.map((key) => this.get<T>(key)));
  }

  /** The value in this process, if it is fresh and proven; asks nobody, counts nothing. */
  peek<T = unknown>(key: string): T | undefined {
    const entry = this.#engine.local.get(key);
    const now = this.#engine.options.clock.now();
    return entry !== undefined && now < entry.freshUntil && this.#requests.proven(entry, now)
      ? (entry.value as T)
      : undefined;
  }

  /**
   * Stores a value in both levels. Whoever loads the key meanwhile does not overwrite it. Prefer `invalidate` after a write to the
   * database: of two writers the later `set` wins, which need not be the later commit.
   *
   * @throws InvalidOptionError, CacheClosedError, CacheValueError
   * @throws RedisUnavailableError when Redis could not take it; the value is then in neither level of this process
   */
  async set<T>(key: string, value: T, given?: EntryOptions): Promise<void> {
    this.#open('set');
    await this.#requests.store(key, value, given);
  }

  /**
   * A function that caches what `fn` returns, under the key that `keyOf` makes of its arguments.
   *
   * @throws InvalidOptionError
   */
  wrap<A extends unknown[], T>(
    fn: (...args: A) => Promise<T> | T,
    keyOf: (...args: A) => string,
    options?: EntryOptions,
  ): (...args: A) => T | Promise<T> {
    resolveEntryOptions(options, this.#engine.options);
    return (...args) => this.getOrSet(keyOf(...args), () => fn(...args), options);
  }

  /** The same cache with `name:` before every key and tag. */
  namespace(name: string): CacheNamespace {
    assertName('key', name);
    return new CacheNamespace(this, `${name}:`);
  }

  /**
   * Makes the values of keys, and of all keys with one of the tags, unfit to be served: in this process before it returns control, in
   * Redis when the promise resolves, in other processes as soon as Redis has told them (measured: p99 0.14 ms after the reply, on
   * loopback), at the latest after `maxStalenessMs`. A loader that runs meanwhile does not bring an old value back.
   *
   * @throws InvalidOptionError, CacheClosedError
   * @throws InvalidationError when Redis could not be reached; it is then repeated until it can
   */
  async invalidate(target: InvalidationTarget): Promise<InvalidationResult> {
    this.#open('invalidate');
    const { keys = [], tags = [] } = target ?? {};
    for (const [field, names] of [
      ['keys', keys],
      ['tags', tags],
    ] as const) {
      if (!Array.isArray(names)) throw new InvalidOptionError(field, names, 'an array of strings');
    }
    for (const key of keys) assertName('key', key);
    for (const tag of tags) assertName('tag', tag);
    const { clock } = this.#engine.options;
    const began = clock.now();
    this.#engine.recorder.invalidations += keys.length + tags.length;
    await this.#engine.invalidator.invalidate(keys, tags, () => this.#engine.begin());
    return { keys: keys.length, tags: tags.length, tookMs: clock.now() - began };
  }

  /**
   * Measures on the user's own Redis how reads travel fastest (one or two connections; reads of a turn coalesced into MGET, ioredis's
   * autopipelining, or single GETs), keeps the winner, and returns the evidence. Takes some seconds; writes scratch keys that
   * expire. The cache goes on serving, but the measurement feels its load.
   *
   * @throws CacheClosedError, RedisUnavailableError
   */
  async optimizeRedisPerformance(): Promise<RedisTuningReport> {
    this.#open('optimizeRedisPerformance');
    await this.#engine.start();
    return tuneRedis(this.#engine);
  }

  /**
   * Measures batch sizes and numbers of batches in flight for invalidations on scratch keys, keeps the winner, and returns the evidence.
   *
   * @throws CacheClosedError, RedisUnavailableError
   */
  async optimizeCacheInvalidation(): Promise<InvalidationTuningReport> {
    this.#open('optimizeCacheInvalidation');
    await this.#engine.start();
    return tuneInvalidation(this.#engine);
  }

  /** Counters since construction, and the state now. */
  getCacheMetrics(): CacheMetrics {
    return cacheMetrics(this.#engine);
  }

  /** Estimated heap bytes of the in-process level; with `shrink`, what a memory guard needs. */
  bytes(): number {
    return this.#engine.local.bytes();
  }

  /** Evicts from the in-process level down to `toBytes`; answers the bytes freed. */
  shrink(toBytes: number): number {
    if (!(toBytes >= 0)) throw new InvalidOptionError('toBytes', toBytes, 'a number from 0');
    return this.#engine.local.shrink(toBytes);
  }

  /** Hits in either level per request, 0..1, since construction. */
  hitRatio(): number {
    return this.#engine.recorder.hitRatio();
  }

  /** Calls `listener` at every such event until the answer is called. */
  on<K extends keyof CacheEvents>(event: K, listener: (event: CacheEvents[K]) => void): () => void {
    return this.#engine.emitter.on(event, listener);
  }

  /** Closes the cache's own connections and timers; running loaders still answer their callers. A second call does nothing. */
  async close(): Promise<void> {
    await this.#engine.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #open(operation: string): void {
    if (this.#engine.closed) throw new CacheClosedError(operation, this.#engine.options.namespace);
  }
}
