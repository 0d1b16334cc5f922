import { randomBytes } from 'node:crypto';
import { leaseOf, tagName } from './_envelope.ts';
import type { Read } from './_read_batcher.ts';
import type { ScriptedRedis } from './_redis_scripts.ts';
import type { ResolvedOptions } from './options.ts';
import type { RedisLink } from './redis_link.ts';

export type Acquired = { lease: string; stamps: ReadonlyMap<string, string> } | undefined;

// A tag's stamp outlives what it guards: losing it only costs reloads, but keeping every one for ever costs memory.
const STAMP_TTL_MS = 7 * 86_400_000;
const NO_STAMPS: ReadonlyMap<string, string> = new Map();

/** What the cache does in Redis, in its own words. Every call is bounded; none retries. */
export class RedisLevel {
  readonly prefix: string;
  /** Keys and tags, by their names in Redis, whose invalidation (its number) has not arrived there yet. Written by the Invalidator. */
  readonly distrusted: Map<string, number> = new Map();
  distrustAll = false;
  readonly #options: ResolvedOptions;
  readonly #link: () => RedisLink;
  readonly #node = randomBytes(6).toString('base64url');
  #tokens = 0;

  constructor(options: ResolvedOptions, link: () => RedisLink) {
    this.#options = options;
    this.#link = link;
    this.prefix = `${options.redis.options.keyPrefix ?? ''}${options.namespace}:`;
  }

  valueKey(key: string): string {
    return `${this.prefix}k:${key}`;
  }

  tagKey(tag: string): string {
    return `${this.prefix}t:${tag}`;
  }

  /** What a message of the feed is about; undefined: not one of ours. */
  nameOf(redisKey: string): { key: string } | { tag: string } | undefined {
    if (!redisKey.startsWith(this.prefix)) return undefined;
    const at = this.prefix.length;
    const name = redisKey.slice(at + 2);
    const kind = redisKey.slice(at, at + 2);
    return kind === 'k:' ? { key: name } : kind === 't:' ? { tag: name } : undefined;
  }

  /** Unique in the fleet: names one fill. */
  token(): string {
    return `${this.#node}${(this.#tokens++).toString(36)}`;
  }

  /** Redis can be asked for this key, and what it says about key and tags may be believed. */
  usable(key: string, tags: readonly string[]): boolean {
    const link = this.#link();
    const redisKey = this.valueKey(key);
    if (!link.usable(link.laneOf(redisKey))) return false;
    if (this.distrustAll) return false;
    return this.distrusted.size === 0 || (!this.distrusted.has(redisKey) && this.trusts(tags));
  }

  trusts(tags: readonly string[]): boolean {
    return this.distrusted.size === 0 || !tags.some((tag) => this.distrusted.has(this.tagKey(tag)));
  }

  /** What stands at the key, and the stamps of `tags` in their order. */
  read(key: string, tags: readonly string[]): Promise<Read> {
    const link = this.#link();
    const redisKey = this.valueKey(key);
    const tagKeys = tags.length === 0 ? tags : tags.map((tag) => this.tagKey(tag));
    return link.read(link.laneOf(redisKey), redisKey, tagKeys);
  }

  /** The stamps as they are; a tag without one is absent. */
  async stamps(key: string, tags: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const values = await this.#call(key, this.#options.hardTimeoutMs, (redis) =>
      redis.mget(tags.map((tag) => this.tagKey(tag))),
    );
    return zip(tags, values);
  }

  /** Takes the lease of an absent key; undefined: somebody was there first. */
  async acquire(key: string, tags: readonly string[], limitMs: number): Promise<Acquired> {
    const lease = leaseOf(this.token());
    const reply = await this.#call(key, limitMs, (redis) =>
      redis.fynloAcquire(
        1 + tags.length,
        this.valueKey(key),
        ...tags.map((tag) => this.tagKey(tag)),
        lease,
        this.#options.leaseMs,
        this.token(),
        STAMP_TTL_MS,
        ...tags.map(tagName),
      ),
    );
    const [there, ...stamps] = reply as (string | null)[];
    return there === null || there === undefined ? { lease, stamps: zip(tags, stamps) } : undefined;
  }

  /** Reads the stamps, creating the missing ones. */
  async ensureStamps(
    key: string,
    tags: readonly string[],
    limitMs: number,
  ): Promise<ReadonlyMap<string, string>> {
    if (tags.length === 0) return NO_STAMPS;
    const reply = await this.#call(key, limitMs, (redis) =>
      redis.fynloStamps(
        tags.length,
        ...tags.map((tag) => this.tagKey(tag)),
        this.token(),
        STAMP_TTL_MS,
      ),
    );
    return zip(tags, reply as string[]);
  }

  /** Stores `text` if the key still begins with `expected`; false: it was invalidated or replaced meanwhile. */
  async fill(
    key: string,
    expected: string,
    text: string,
    lifeMs: number,
    stamps: ReadonlyMap<string, string>,
  ): Promise<boolean> {
    const tagKeys = [...stamps.keys()].map((tag) => this.tagKey(tag));
    const reply = await this.#call(key, this.#options.hardTimeoutMs, (redis) =>
      redis.fynloFill(
        1 + tagKeys.length,
        this.valueKey(key),
        ...tagKeys,
        expected,
        text,
        lifeMs,
        ...stamps.values(),
      ),
    );
    return reply === 1;
  }

  async put(key: string, text: string, lifeMs: number): Promise<void> {
    await this.#call(key, this.#options.hardTimeoutMs, (redis) =>
      redis.fynloPut(1, this.valueKey(key), text, lifeMs),
    );
  }

  /** Deletes the key if it begins with `expected`. Best effort: what is left behind expires by itself. */
  async release(key: string, expected: string): Promise<void> {
    await this.#call(key, this.#options.hardTimeoutMs, (redis) =>
      redis.fynloRelease(1, this.valueKey(key), expected),
    ).catch(() => undefined);
  }

  async renew(key: string, lease: string): Promise<void> {
    await this.#call(key, this.#options.hardTimeoutMs, (redis) =>
      redis.fynloRenew(1, this.valueKey(key), lease, this.#options.leaseMs),
    ).catch(() => undefined);
  }

  /** The right to refresh a value that stays readable meanwhile. */
  async lockRefresh(key: string, limitMs: number): Promise<string | undefined> {
    const token = `${this.token()};`;
    const reply = await this.#call(key, limitMs, (redis) =>
      redis.set(this.#lockKey(key), token, 'PX', this.#options.leaseMs, 'NX'),
    );
    return reply === 'OK' ? token : undefined;
  }

  async unlockRefresh(key: string, token: string): Promise<void> {
    await this.#call(key, this.#options.hardTimeoutMs, (redis) =>
      redis.fynloRelease(1, this.#lockKey(key), token),
    ).catch(() => undefined);
  }

  #lockKey(key: string): string {
    return `${this.prefix}r:${key}`;
  }

  // By the value's key for all of a key's commands: what goes over one connection stays in order.
  #call<T>(
    key: string,
    limitMs: number,
    operation: (redis: ScriptedRedis) => Promise<T>,
  ): Promise<T> {
    const link = this.#link();
    return link.call(link.laneOf(this.valueKey(key)), Math.max(1, limitMs), operation);
  }
}

/** Stamps by tag; a tag without one is absent. */
export function zip(
  tags: readonly string[],
  stamps: readonly (string | null)[],
): ReadonlyMap<string, string> {
  if (tags.length === 0) return NO_STAMPS;
  const map = new Map<string, string>();
  tags.forEach((tag, i) => {
    const stamp = stamps[i];
    if (stamp !== null && stamp !== undefined) map.set(tag, stamp);
  });
  return map;
}
