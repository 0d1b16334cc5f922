import { Coherence } from './_coherence.ts';
import { Flight, Flights } from './_flight.ts';
import { InvalidationLog } from './_invalidation_log.ts';
import { Journey } from './_journey.ts';
import { Keeper } from './_keeper.ts';
import { KeyWaiters } from './_key_waiters.ts';
import { LocalStore } from './_local_store.ts';
import { RedisLevel } from './_redis_level.ts';
import { within } from './_within.ts';
import { Emitter } from './emitter.ts';
import { Invalidator } from './invalidator.ts';
import type { Loader } from './loader.ts';
import { Recorder } from './metrics.ts';
import type { ResolvedEntryOptions, ResolvedOptions } from './options.ts';
import { type Lane, type LinkShape, RedisLink } from './redis_link.ts';

const FIRST_SHAPE: LinkShape = { connections: 1, reads: 'coalesced' };
const START_LIMIT_MS = 5000;

/** The parts of a cache and how they hear of each other. What a user sees is `CachePerformanceEnhancer`. */
export class CacheEngine {
  readonly options: ResolvedOptions;
  readonly emitter: Emitter = new Emitter();
  readonly recorder: Recorder = new Recorder();
  readonly local: LocalStore;
  readonly log: InvalidationLog = new InvalidationLog();
  readonly flights: Flights = new Flights();
  readonly waiters: KeyWaiters;
  readonly coherence: Coherence;
  readonly level: RedisLevel;
  readonly invalidator: Invalidator;
  readonly keeper: Keeper;
  readonly journey: Journey;
  link: RedisLink;
  closed = false;
  #flying = 0;
  #landed: () => void = () => undefined;
  #started: Promise<unknown> | undefined;
  #ready = false;

  constructor(options: ResolvedOptions) {
    this.options = options;
    this.local = new LocalStore(options.maxLocalBytes);
    this.waiters = new KeyWaiters(options.clock);
    this.coherence = new Coherence(options, {
      changed: (redisKeys) => {
        this.recorder.invalidationsReceived += redisKeys.length;
        this.forget(redisKeys);
      },
      flushed: () => {
        this.local.clear();
        this.#distrustLocal();
      },
      armed: () => {
        this.log.touchAll();
        this.emitter.emit('feedArmed', {});
      },
      lost: (reason) => {
        this.#distrustLocal();
        this.emitter.emit('feedLost', { reason });
      },
      refused: (reason) => this.emitter.emit('feedRefused', { reason }),
    });
    this.link = this.#newLink(FIRST_SHAPE);
    this.level = new RedisLevel(options, () => this.link);
    this.keeper = new Keeper(options, this.local, this.log, this.coherence, this.recorder);
    this.invalidator = new Invalidator(
      this.level,
      () => this.link,
      options.hardTimeoutMs,
      options.clock,
      (keys) => this.forget(keys),
    );
    const { level, log, keeper, waiters, recorder, emitter } = this;
    this.journey = new Journey({ options, level, log, keeper, waiters, recorder, emitter });
  }

  /** Connects and waits for it, at most five seconds; then connecting goes on in the background. */
  async start(limitMs: number = START_LIMIT_MS): Promise<void> {
    if (this.#ready) return;
    this.#started ??= Promise.all([this.link.open(), this.coherence.open(() => this.link.lanes)]);
    if (await within(this.#started, limitMs, this.options.clock)) this.#ready = true;
  }

  /** Starts a flight; it removes itself when its value is stored. */
  fly(
    key: string,
    loader: Loader<unknown>,
    options: ResolvedEntryOptions,
    refreshOf?: string,
  ): Flight {
    const flight = new Flight(key, loader, options, refreshOf);
    this.flights.add(flight);
    this.#flying++;
    void this.#fly(flight);
    return flight;
  }

  async #fly(flight: Flight): Promise<void> {
    try {
      if (!this.#ready) await this.begin();
      await this.journey.run(flight);
    } catch (error) {
      flight.fail(error);
    }
    this.flights.remove(flight);
    if (--this.#flying === 0) this.#landed();
  }

  /** Gives Redis its chance to connect, once; it counts towards the time a request spends on Redis. */
  async begin(): Promise<void> {
    if (this.#ready || this.closed) return;
    await this.start(this.options.hardTimeoutMs);
    this.#ready = true;
  }

  /** Drops keys and tags, by their names in Redis, from all that this process holds or is about to hold. */
  forget(redisKeys: readonly string[]): void {
    const at = this.level.prefix.length;
    for (const redisKey of redisKeys) {
      const named = this.level.nameOf(redisKey);
      if (named === undefined) continue;
      this.log.touch(redisKey.slice(at));
      if ('key' in named) {
        this.local.delete(named.key);
        this.flights.detachKey(named.key);
        this.waiters.wake(named.key);
      } else {
        this.local.deleteTag(named.tag);
        this.flights.detachTag(named.tag);
      }
    }
  }

  /** Changes how Redis is talked to. Local values are dropped: the new connections track nothing yet. */
  async reshape(shape: LinkShape): Promise<void> {
    const next = this.#newLink(shape);
    if (!(await within(next.open(), START_LIMIT_MS, this.options.clock)) || this.closed) {
      next.close();
      return;
    }
    const previous = this.link;
    this.link = next;
    this.coherence.laneLost();
    this.coherence.laneReady();
    await this.#allLanded();
    previous.close();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.local.clear();
    this.waiters.wakeAll();
    // Values that are just being stored may finish; a loader is not waited for.
    await this.#allLanded();
    this.invalidator.close();
    this.coherence.close();
    this.link.close();
    this.waiters.wakeAll();
    this.local.clear();
  }

  async #allLanded(): Promise<void> {
    if (this.#flying === 0) return;
    const landed = new Promise<void>((resolve) => {
      this.#landed = resolve;
    });
    await within(landed, this.options.hardTimeoutMs, this.options.clock);
  }

  #distrustLocal(): void {
    this.log.touchAll();
    this.flights.detachAll();
    this.waiters.wakeAll();
  }

  #newLink(shape: LinkShape): RedisLink {
    const current = (): boolean => this.link === link;
    const link: RedisLink = new RedisLink(this.options, shape, {
      laneReady: (_lane: Lane) => {
        if (current()) this.coherence.laneReady();
      },
      laneLost: (_lane: Lane) => {
        if (!current()) return;
        this.coherence.laneLost();
        this.waiters.wakeAll();
      },
      up: () => {
        if (!current()) return;
        this.emitter.emit('redisUp', {});
        void this.invalidator.retry();
      },
      down: (reason) => {
        if (!current()) return;
        this.emitter.emit('redisDown', { reason });
        this.waiters.wakeAll();
      },
    });
    return link;
  }
}
