import type { Redis, RedisOptions } from 'ioredis';
import { afterOutcome, type BreakerState, CLOSED, type Outcome } from './_breaker_policy.ts';
import { type Read, ReadBatcher } from './_read_batcher.ts';
import { type ScriptedRedis, withScripts } from './_redis_scripts.ts';
import { RedisUnavailableError } from './errors.ts';
import type { ResolvedOptions } from './options.ts';

/** How reads travel. */
export interface LinkShape {
  /** Data connections; a key always uses the same one, so that its commands stay in order. */
  connections: 1 | 2;
  reads: 'coalesced' | 'autopipelined' | 'single';
}

export interface Lane {
  readonly redis: ScriptedRedis;
  readonly batcher: ReadBatcher;
}

export interface LinkEvents {
  /** A data connection is usable (again); whatever was tracked on it before is not. */
  laneReady(lane: Lane): void;
  laneLost(lane: Lane): void;
  up(): void;
  down(reason: string): void;
}

const REOPEN_AFTER_PROBES = 8;

/**
 * The data connections to Redis, and the bound on the time anyone spends on them: every call has a limit, and after silence
 * (or several failures) calls fail at once until a probe in the background was answered. No user's request is ever the probe.
 */
export class RedisLink {
  readonly shape: LinkShape;
  readonly #options: ResolvedOptions;
  readonly #events: LinkEvents;
  readonly #lanes: Lane[] = [];
  #breaker: BreakerState = CLOSED;
  #probeTimer: { cancel(): void } | undefined;
  #failedProbes = 0;
  #opening: Promise<void> | undefined;
  #closed = false;
  breakerOpened = 0;
  timeouts = 0;

  constructor(options: ResolvedOptions, shape: LinkShape, events: LinkEvents) {
    this.#options = options;
    this.shape = shape;
    this.#events = events;
  }

  get lanes(): readonly Lane[] {
    return this.#lanes;
  }

  get state(): 'idle' | 'connecting' | 'ready' | 'down' | 'closed' {
    if (this.#closed) return 'closed';
    if (this.#lanes.length === 0) return 'idle';
    if (this.#breaker.open) return 'down';
    return this.#lanes.every((lane) => lane.redis.status === 'ready') ? 'ready' : 'connecting';
  }

  get breakerOpen(): boolean {
    return this.#breaker.open;
  }

  /** Connects. Resolves when all connections are usable: never, while Redis is away. */
  open(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open(): Promise<void> {
    for (let i = 0; i < this.shape.connections; i++) this.#lanes.push(this.#connect());
    await Promise.all(
      this.#lanes.map(
        (lane) => new Promise<void>((resolve) => lane.redis.once('ready', () => resolve())),
      ),
    );
  }

  laneOf(key: string): Lane | undefined {
    const lanes = this.#lanes;
    if (lanes.length <= 1) return lanes[0];
    // Any spread does; the end of a key differs more than its beginning.
    let h = key.length;
    for (let i = Math.max(0, key.length - 16); i < key.length; i++)
      h = Math.imul(h, 31) + key.charCodeAt(i);
    return lanes[(h >>> 3) % lanes.length];
  }

  /** Whether a call has a chance right now. */
  usable(lane: Lane | undefined): lane is Lane {
    return lane !== undefined && !this.#breaker.open && lane.redis.status === 'ready';
  }

  /** @throws RedisUnavailableError */
  read(lane: Lane | undefined, key: string, tagKeys: readonly string[]): Promise<Read> {
    if (!this.usable(lane)) return Promise.reject(this.#unusable(lane));
    if (this.shape.reads === 'coalesced') return lane.batcher.read(key, tagKeys);
    return this.call(lane, this.#options.hardTimeoutMs, async (redis) => {
      if (tagKeys.length === 0) return { raw: await redis.get(key), stamps: [] };
      const [raw, ...stamps] = await redis.mget(key, ...tagKeys);
      return { raw: raw ?? null, stamps };
    });
  }

  /** Runs `operation` within `limitMs`. @throws RedisUnavailableError */
  call<T>(
    lane: Lane | undefined,
    limitMs: number,
    operation: (redis: ScriptedRedis) => Promise<T>,
  ): Promise<T> {
    if (!this.usable(lane)) return Promise.reject(this.#unusable(lane));
    return this.#bounded(lane.redis, limitMs, operation);
  }

  #bounded<T>(
    redis: ScriptedRedis,
    limitMs: number,
    operation: (redis: ScriptedRedis) => Promise<T>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      let settled = false;
      const received = bytesRead(redis);
      const timer = this.#options.clock.setTimeout(() => {
        // Our own event loop may have been busy while the answer lies in the socket: let one turn of I/O pass first.
        setImmediate(() => {
          if (settled) return;
          settled = true;
          this.timeouts++;
          const silent = bytesRead(redis) === received;
          this.#outcome(silent ? 'silent' : 'slow', `no answer within ${limitMs} ms`);
          reject(new RedisUnavailableError('timeout', `no answer within ${limitMs} ms`));
        });
      }, limitMs);
      operation(redis).then(
        (value) => {
          if (settled) return;
          settled = true;
          timer.cancel();
          if (this.#breaker !== CLOSED) this.#outcome('success', 'answered');
          resolve(value);
        },
        (error: Error) => {
          if (settled) return;
          settled = true;
          timer.cancel();
          this.#outcome('refused', error.message);
          const replied = error.name === 'ReplyError';
          reject(
            new RedisUnavailableError(replied ? 'reply-error' : 'not-connected', error.message, {
              cause: error,
            }),
          );
        },
      );
    });
  }

  #unusable(lane: Lane | undefined): RedisUnavailableError {
    if (this.#breaker.open)
      return new RedisUnavailableError('breaker-open', 'known to be down, being probed');
    return new RedisUnavailableError(
      'not-connected',
      `the connection is '${lane?.redis.status ?? 'not opened'}'`,
    );
  }

  #outcome(outcome: Outcome, detail: string): void {
    const before = this.#breaker;
    this.#breaker = afterOutcome(before, outcome, { failures: this.#options.breakerFailures });
    if (this.#breaker.open === before.open) return;
    if (this.#breaker.open) {
      this.breakerOpened++;
      this.#failedProbes = 0;
      this.#events.down(detail);
      this.#scheduleProbe();
    } else {
      this.#probeTimer?.cancel();
      this.#events.up();
    }
  }

  #scheduleProbe(): void {
    if (this.#closed) return;
    this.#probeTimer = this.#options.clock.setTimeout(
      () => void this.#probe(),
      this.#options.breakerProbeMs,
    );
  }

  async #probe(): Promise<void> {
    const probes = this.#lanes.map((lane) =>
      this.#bounded(lane.redis, this.#options.hardTimeoutMs, (r) => r.ping()),
    );
    const results = await Promise.allSettled(probes);
    if (this.#closed) return;
    if (results.every((result) => result.status === 'fulfilled'))
      return this.#outcome('success', 'answered');
    // The socket itself may be the dead part (a silently cut path): a fresh one gets its chance.
    if (++this.#failedProbes % REOPEN_AFTER_PROBES === 0) {
      for (const lane of this.#lanes) if (lane.redis.status === 'ready') drop(lane.redis, true);
    }
    if (this.#breaker.open) this.#scheduleProbe();
  }

  #connect(): Lane {
    const options = this.#options;
    const redis = withScripts(
      duplicate(this.#options.redis, this.#options.namespace, {
        enableAutoPipelining: this.shape.reads === 'autopipelined',
      }),
    );
    const lane: Lane = {
      redis,
      batcher: new ReadBatcher(
        (keys) =>
          this.call(lane, options.hardTimeoutMs, async (r) =>
            keys.length === 1 ? [await r.get(keys[0] as string)] : r.mget(keys),
          ),
        { maxKeys: options.maxBatchKeys, maxBytes: options.maxBatchBytes },
      ),
    };
    let wasReady = false;
    redis.on('ready', () => {
      wasReady = true;
      this.#events.laneReady(lane);
      if (!this.#breaker.open) this.#events.up();
    });
    redis.on('close', () => {
      if (wasReady) this.#events.laneLost(lane);
      wasReady = false;
    });
    redis.connect().catch(() => undefined);
    return lane;
  }

  /** Closes the sockets at once and leaves no timer. */
  close(): void {
    this.#closed = true;
    this.#probeTimer?.cancel();
    for (const lane of this.#lanes) drop(lane.redis, false);
  }
}

/**
 * A connection of our own, patterned on the user's. No offline queue and no repeated commands: a command that cannot be sent now fails
 * now, or memory grows as long as Redis is away, and old writes arrive after newer ones.
 */
export function duplicate(redis: Redis, namespace: string, override: Partial<RedisOptions>): Redis {
  const settings: Partial<RedisOptions> = {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    enableAutoPipelining: false,
    stringNumbers: false,
    keyPrefix: '',
    connectionName: `fynlo-cache:${namespace.replaceAll(/[^!-~]/g, '_')}`,
    // Jitter, so that a fleet does not come back in step.
    retryStrategy: (times) =>
      Math.min(1000, 25 * 2 ** Math.min(times, 6)) * (0.75 + Math.random() / 4),
    reconnectOnError: null,
    ...override,
  };
  const own: Redis = redis.duplicate(settings);
  // State is read from events and statuses; without a listener ioredis would print every failed attempt.
  own.on('error', () => undefined);
  return own;
}

/** Ends a connection without waiting for a peer that may never answer. */
export function drop(redis: Redis, reconnect: boolean): void {
  redis.disconnect(reconnect);
  (redis as unknown as { stream?: { destroy(): void } }).stream?.destroy();
}

function bytesRead(redis: Redis): number {
  return (redis as unknown as { stream?: { bytesRead?: number } }).stream?.bytesRead ?? -1;
}
