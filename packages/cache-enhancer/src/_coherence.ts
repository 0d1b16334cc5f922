import type { Redis } from 'ioredis';
import type { ResolvedOptions } from './options.ts';
import { drop, duplicate, type Lane } from './redis_link.ts';

const CHANNEL = '__redis__:invalidate';
const HEARTBEATS_PER_BOUND = 4;
const LOST_AFTER_BOUNDS = 3;
const RETRY_MS = 250;

export interface CoherenceEvents {
  /** These keys of Redis changed. */
  changed(redisKeys: readonly string[]): void;
  /** All keys changed (FLUSHALL). */
  flushed(): void;
  /** The feed is whole from now on. What was read before may have been missed. */
  armed(): void;
  lost(reason: string): void;
  refused(reason: string): void;
}

/**
 * Knows whether the in-process level may be believed: Redis tells what changed (client tracking, default mode), and a heartbeat
 * proves that its messages still arrive.
 *
 * Tracking is on for the data connections and redirected to a connection of RESP2: ioredis 6 drops the pushes of RESP3. Default mode
 * rather than BCAST: a process is told only of keys that it read, and NOLOOP hides exactly its own writes, scripts included; with
 * BCAST a fill by script throws out the very value it filled (26k of 32k in the prototype). The messages and the answer to PING
 * come in order over one socket, so a PING sent at t and answered proves that all that changed before t was heard. The
 * data connections are asked for TRACKINGINFO at the same time: when Redis dropped one of them, nothing would be sent any more.
 */
export class Coherence {
  /** Raised whenever messages may have been missed; values of an older epoch are not hits. */
  epoch = 0;
  /** Local values are proven up to this time of the clock. */
  until = 0;
  state: 'off' | 'connecting' | 'armed' | 'refused' = 'off';
  lastBeatAt: number | undefined;

  readonly #options: ResolvedOptions;
  readonly #events: CoherenceEvents;
  #lanes: () => readonly Lane[] = () => [];
  #feed: Redis | undefined;
  #feedId: number | undefined;
  #timer: { cancel(): void } | undefined;
  #missed = 0;
  #arming = 0;
  #closed = false;
  #infoUnknown = false;

  constructor(options: ResolvedOptions, events: CoherenceEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** Opens the feed. Resolves when it is armed or refused: never, while Redis is away. */
  async open(lanes: () => readonly Lane[]): Promise<void> {
    this.#lanes = lanes;
    if (this.#options.coherence === 'ttl') {
      this.state = 'refused';
      return;
    }
    this.state = 'connecting';
    const feed = duplicate(this.#options.redis, this.#options.namespace, {
      protocol: 2,
      connectionName: 'fynlo-cache-feed',
    });
    this.#feed = feed;
    // messageBuffer, not message: that one joins the keys of a message with commas, which keys may contain.
    feed.on('messageBuffer', (_channel: Buffer, keys: Buffer[] | null) => {
      if (keys === null) this.#events.flushed();
      else this.#events.changed(Array.isArray(keys) ? keys.map(String) : [String(keys)]);
    });
    feed.on('ready', () => void this.#subscribe());
    feed.on('close', () => {
      this.#feedId = undefined;
      this.#lost('the feed connection closed');
    });
    feed.connect().catch(() => undefined);
    await new Promise<void>((resolve) => {
      this.#settled = resolve;
    });
  }

  #settled: () => void = () => undefined;

  /** A data connection is new: it tracks nothing yet. */
  laneReady(): void {
    if (this.#feedId !== undefined) void this.#arm();
  }

  laneLost(): void {
    if (this.state !== 'refused') this.#lost('a data connection closed');
  }

  close(): void {
    this.#closed = true;
    this.until = 0;
    this.#timer?.cancel();
    if (this.#feed !== undefined) drop(this.#feed, false);
  }

  async #subscribe(): Promise<void> {
    const feed = this.#feed as Redis;
    try {
      // Before SUBSCRIBE: a subscribed RESP2 connection may not ask for its id any more.
      const id = await feed.client('ID');
      await feed.subscribe(CHANNEL);
      this.#feedId = id;
      await this.#arm();
    } catch (error) {
      this.#refuseOrRetry(error as Error);
    }
  }

  async #arm(): Promise<void> {
    const lanes = this.#lanes();
    const id = this.#feedId;
    if (
      id === undefined ||
      lanes.length === 0 ||
      lanes.some((lane) => lane.redis.status !== 'ready')
    )
      return;
    const turn = ++this.#arming;
    const began = this.#options.clock.now();
    try {
      for (const lane of lanes) {
        await lane.redis.call('CLIENT', 'TRACKING', 'OFF');
        await lane.redis.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', String(id), 'NOLOOP');
      }
    } catch (error) {
      this.#refuseOrRetry(error as Error);
      return;
    }
    if (turn !== this.#arming || this.#feedId !== id || this.#closed) return;
    this.epoch++;
    this.#events.armed();
    this.state = 'armed';
    this.#missed = 0;
    this.#proven(began);
    this.#settled();
    this.#timer?.cancel();
    this.#schedule();
  }

  #refuseOrRetry(error: Error): void {
    if (this.#closed) return;
    // A refusal (no permission, unknown command) will not change; a lost connection or a loading server will come back.
    if (
      error.name !== 'ReplyError' ||
      !/NOPERM|unknown|not supported|syntax/i.test(error.message)
    ) {
      if (this.#feed?.status === 'ready')
        this.#timer = this.#options.clock.setTimeout(() => this.#retry(), RETRY_MS);
      return;
    }
    this.state = 'refused';
    this.until = 0;
    this.#timer?.cancel();
    if (this.#feed !== undefined) drop(this.#feed, false);
    this.#events.refused(error.message);
    this.#settled();
  }

  #retry(): void {
    if (this.#feed !== undefined) drop(this.#feed, true);
  }

  #lost(reason: string): void {
    this.#arming++;
    this.until = 0;
    this.#timer?.cancel();
    if (this.state !== 'armed' || this.#closed) return;
    this.state = 'connecting';
    this.epoch++;
    this.#events.lost(reason);
  }

  #proven(at: number): void {
    this.lastBeatAt = at;
    this.until = at + this.#options.maxStalenessMs;
  }

  #schedule(): void {
    this.#timer = this.#options.clock.setTimeout(
      () => void this.#beat(),
      this.#options.maxStalenessMs / HEARTBEATS_PER_BOUND,
    );
  }

  async #beat(): Promise<void> {
    const turn = this.#arming;
    const began = this.#options.clock.now();
    this.#missed++;
    // Not awaited by the next beat: one that never comes back must not end the heartbeat.
    void this.#ask().then(
      (whole) => {
        if (turn !== this.#arming) return;
        if (!whole) return this.#reopen('Redis no longer tracks for this process');
        this.#missed = 0;
        this.#proven(began);
      },
      () => undefined,
    );
    if (this.#missed > LOST_AFTER_BOUNDS * HEARTBEATS_PER_BOUND)
      return this.#reopen('no heartbeat came back');
    this.#schedule();
  }

  async #ask(): Promise<boolean> {
    const feed = this.#feed as Redis;
    const infos = this.#lanes().map((lane) => this.#tracks(lane));
    const [whole] = await Promise.all([Promise.all(infos), feed.ping()]);
    return whole.every(Boolean);
  }

  async #tracks(lane: Lane): Promise<boolean> {
    if (this.#infoUnknown) return (await lane.redis.ping()) !== undefined;
    try {
      return trackingIsOn(await lane.redis.call('CLIENT', 'TRACKINGINFO'));
    } catch (error) {
      // Redis before 6.2; that the connection answers at all is then the proof.
      if ((error as Error).name !== 'ReplyError') throw error;
      this.#infoUnknown = true;
      return true;
    }
  }

  #reopen(reason: string): void {
    this.#lost(reason);
    if (this.#feed !== undefined) drop(this.#feed, true);
  }
}

function trackingIsOn(info: unknown): boolean {
  const words = JSON.stringify(info);
  return words.includes('"on"') && !words.includes('broken_redirect');
}
