import type { RedisLevel } from './_redis_level.ts';
import type { Clock } from './clock.ts';
import { InvalidationError } from './errors.ts';
import type { Lane, RedisLink } from './redis_link.ts';

/** How invalidations travel; `optimizeCacheInvalidation()` chooses by measurement. */
export interface InvalidationShape {
  batchKeys: number;
  batchesInFlight: number;
  command: 'del' | 'unlink';
}

/** 500 and 4: a hundred times a loop of awaited DELs; larger batches gain little and hold up reads. DEL: values are strings. */
const DEFAULT_INVALIDATION: InvalidationShape = {
  batchKeys: 500,
  batchesInFlight: 4,
  command: 'del',
};

// An invalidation matters more than a read: it gets this many times the hard limit, a batch.
const PATIENCE = 5;
const PENDING_LIMIT = 100_000;
const RETRY_MS = 500;

/** Deletes values, leases and tag stamps in Redis, and remembers what could not be deleted until it is. */
export class Invalidator {
  shape: InvalidationShape = DEFAULT_INVALIDATION;
  readonly #level: RedisLevel;
  readonly #link: () => RedisLink;
  readonly #hardTimeoutMs: number;
  /**
   * Drops keys in this process. Called at once, and again for batches that had to wait for others: a read that was sent in between comes
   * back with the old value.
   */
  readonly #forget: (redisKeys: readonly string[]) => void;
  #retrying = false;
  #closed = false;
  readonly #clock: Clock;
  #timer: { cancel(): void } | undefined;
  #attempt = 0;

  constructor(
    level: RedisLevel,
    link: () => RedisLink,
    hardTimeoutMs: number,
    clock: Clock,
    forget: (redisKeys: readonly string[]) => void,
  ) {
    this.#level = level;
    this.#link = link;
    this.#hardTimeoutMs = hardTimeoutMs;
    this.#clock = clock;
    this.#forget = forget;
  }

  get pending(): number {
    return this.#level.distrusted.size;
  }

  /** @param begin connects, if nothing has yet
   *  @throws InvalidationError; then the keys are kept and repeated by `retry` */
  async invalidate(
    keys: readonly string[],
    tags: readonly string[],
    begin: () => Promise<void>,
  ): Promise<void> {
    const redisKeys = [
      ...keys.map((key) => this.#level.valueKey(key)),
      ...tags.map((tag) => this.#level.tagKey(tag)),
    ];
    this.#forget(redisKeys);
    if (this.#link().state === 'idle' || this.#link().state === 'connecting') {
      await begin();
      this.#forget(redisKeys);
    }
    const { failed, error } = await this.delete(redisKeys, this.shape);
    if (failed.length === 0) return;
    for (const redisKey of failed) {
      // Without room to remember, nothing in Redis can be believed until all of the namespace is deleted.
      if (this.#level.distrusted.size >= PENDING_LIMIT) this.#level.distrustAll = true;
      else this.#level.distrusted.set(redisKey, ++this.#attempt);
    }
    this.#retryLater();
    throw new InvalidationError(keys.length, tags.length, this.pending, { cause: error });
  }

  /** Repeats what waits; called when Redis is back, and by a timer while anything waits. */
  async retry(): Promise<void> {
    const { distrusted } = this.#level;
    if (this.#retrying || (distrusted.size === 0 && !this.#level.distrustAll)) return;
    this.#retrying = true;
    try {
      const waiting = [...distrusted];
      const { failed } = await this.delete(
        waiting.map(([redisKey]) => redisKey),
        this.shape,
      );
      const still = new Set(failed);
      for (const [redisKey, attempt] of waiting) {
        // Failed once more meanwhile: that one is not answered by this.
        if (!still.has(redisKey) && distrusted.get(redisKey) === attempt)
          distrusted.delete(redisKey);
      }
      if (this.#level.distrustAll && (await this.deleteAll())) this.#level.distrustAll = false;
    } finally {
      this.#retrying = false;
      if (distrusted.size > 0 || this.#level.distrustAll) this.#retryLater();
    }
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  // Redis may answer again without having been called down: one slow batch is enough to get here.
  #retryLater(): void {
    this.#timer?.cancel();
    if (!this.#closed) this.#timer = this.#clock.setTimeout(() => void this.retry(), RETRY_MS);
  }

  async delete(
    redisKeys: readonly string[],
    shape: InvalidationShape,
  ): Promise<{ failed: readonly string[]; error: unknown }> {
    const failed: string[] = [];
    let error: unknown;
    const senders: Promise<void>[] = [];
    for (const [lane, own] of this.#byLane(redisKeys)) {
      let next = 0;
      const send = async (): Promise<void> => {
        while (next < own.length) {
          const batch = own.slice(next, next + shape.batchKeys);
          const later = next >= shape.batchKeys * shape.batchesInFlight;
          next += shape.batchKeys;
          try {
            if (later) this.#forget(batch);
            await this.#link().call(lane, this.#hardTimeoutMs * PATIENCE, (redis) =>
              redis[shape.command](batch),
            );
          } catch (cause) {
            failed.push(...batch);
            error = cause;
          }
        }
      };
      const most = Math.min(shape.batchesInFlight, Math.ceil(own.length / shape.batchKeys));
      for (let i = 0; i < most; i++) senders.push(send());
    }
    await Promise.all(senders);
    return { failed, error };
  }

  /** Deletes every key of the namespace, by SCAN. false: not all could be reached. */
  async deleteAll(): Promise<boolean> {
    const lane = this.#link().lanes[0];
    const pattern = `${this.#level.prefix.replaceAll(/[*?[\]\\]/g, '\\$&')}*`;
    let cursor = '0';
    try {
      do {
        const [next, found] = await this.#link().call(
          lane,
          this.#hardTimeoutMs * PATIENCE,
          (redis) => redis.scan(cursor, 'MATCH', pattern, 'COUNT', 1000),
        );
        cursor = next;
        if (found.length > 0 && (await this.delete(found, this.shape)).failed.length > 0)
          return false;
      } while (cursor !== '0');
      return true;
    } catch {
      return false;
    }
  }

  #byLane(redisKeys: readonly string[]): Map<Lane | undefined, readonly string[]> {
    const link = this.#link();
    if (link.lanes.length <= 1) return new Map([[link.lanes[0], redisKeys]]);
    const groups = new Map<Lane | undefined, string[]>();
    for (const redisKey of redisKeys) {
      const lane = link.laneOf(redisKey);
      const group = groups.get(lane);
      if (group === undefined) groups.set(lane, [redisKey]);
      else group.push(redisKey);
    }
    return groups;
  }
}
