import { type Envelope, encodeEnvelope, headOf } from './_envelope.ts';
import type { Flight } from './_flight.ts';
import type { InvalidationLog } from './_invalidation_log.ts';
import type { Keeper } from './_keeper.ts';
import type { KeyWaiters } from './_key_waiters.ts';
import type { RedisLevel } from './_redis_level.ts';
import { jitteredTtlMs, lifetimeOf } from './_ttl_policy.ts';
import { type FormedValue, formValue } from './_value_form.ts';
import type { Emitter } from './emitter.ts';
import { runLoader } from './loader.ts';
import type { Recorder } from './metrics.ts';
import type { ResolvedOptions } from './options.ts';

export interface Parts {
  options: ResolvedOptions;
  level: RedisLevel;
  log: InvalidationLog;
  keeper: Keeper;
  waiters: KeyWaiters;
  recorder: Recorder;
  emitter: Emitter;
}

export interface Loaded extends FormedValue {
  envelope: Envelope;
  lifeMs: number;
  /** When the loader began: the value is at least as young. */
  began: number;
}

/** Carries what a loader threw past the handling of Redis's own failures: a loader may itself use another cache. */
export class LoadFailed {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

const NO_STAMPS: ReadonlyMap<string, string> = new Map();

/** Runs the loader and stores what it gives: under a lease, over the version it replaces, or in this process only. */
export class Filler {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The lease is ours: load, answer, and fill if the lease still stands. A failed loader gives the lease back. */
  async underLease(
    flight: Flight,
    lease: string,
    stamps: ReadonlyMap<string, string>,
  ): Promise<void> {
    const { level, waiters } = this.#parts;
    const renewing = this.#renew(flight.key, lease);
    try {
      const loaded = await this.#load(flight, stamps);
      flight.give(loaded.value, 'load');
      await this.#store(flight, loaded, lease);
    } catch (error) {
      await level.release(flight.key, lease);
      throw error;
    } finally {
      renewing.cancel();
      // Redis does not announce a process's own writes to itself.
      waiters.wake(flight.key);
    }
  }

  /** The value of `version` stays readable while it is replaced; the refresh lock is ours. */
  async overVersion(
    flight: Flight,
    version: string,
    lock: string,
    stamps: ReadonlyMap<string, string>,
  ): Promise<void> {
    const { level, recorder, waiters } = this.#parts;
    // A failed refresh keeps the lock until it expires: that is the fleet's pause before the next attempt.
    const loaded = await this.#load(flight, stamps);
    flight.give(loaded.value, 'load');
    recorder.refreshes++;
    await this.#store(flight, loaded, headOf(version));
    await level.unlockRefresh(flight.key, lock);
    waiters.wake(flight.key);
  }

  /** Redis is not to be asked: the value serves this process alone, for as long as staleness is bounded. */
  async alone(flight: Flight): Promise<void> {
    const { log, keeper } = this.#parts;
    const since = log.begin();
    try {
      const loaded = await this.#load(flight, NO_STAMPS);
      flight.give(loaded.value, 'load');
      this.#keep(flight, loaded, loaded.began, since, keeper);
    } finally {
      log.end();
    }
  }

  async #load(flight: Flight, stamps: ReadonlyMap<string, string>): Promise<Loaded> {
    const { options, level, recorder, emitter } = this.#parts;
    const { key } = flight;
    const began = options.clock.now();
    recorder.loads++;
    let formed: FormedValue;
    try {
      const value = await runLoader(flight.loader, key, options.loaderTimeoutMs, options.clock);
      formed = formValue(key, value, options.codec);
    } catch (error) {
      recorder.loadErrors++;
      emitter.emit('loadError', { key, error });
      throw new LoadFailed(error);
    }
    const { ttlMs, graceMs } = lifetimeOf(
      formed.value,
      flight.options,
      flight.options.negativeTtlMs,
    );
    const freshMs = jitteredTtlMs(ttlMs, options.ttlJitter, options.random());
    const envelope: Envelope = {
      version: level.token(),
      freshUntilMs: Math.round(options.clock.wallNow() + freshMs),
      graceMs: Math.round(graceMs),
      loadMs: Math.round(options.clock.now() - began),
      tags: stamps,
      text: formed.text,
    };
    return { ...formed, envelope, lifeMs: freshMs + Math.round(graceMs), began };
  }

  // The callers have their value already. A failure here costs a later reload, never an answer.
  async #store(flight: Flight, loaded: Loaded, expected: string): Promise<void> {
    const { options, level, log, keeper, recorder } = this.#parts;
    const since = log.begin();
    const sent = options.clock.now();
    try {
      const { envelope, lifeMs } = loaded;
      const stored = await level.fill(
        flight.key,
        expected,
        encodeEnvelope(envelope),
        lifeMs,
        envelope.tags,
      );
      // Redis said at `sent` or later that nothing had invalidated the key since the lease or the version was taken.
      if (stored) this.#keep(flight, loaded, sent, since, keeper);
      else recorder.fillsRefused++;
    } catch {
      // Whether it was stored is unknown. Every reader of Redis judges what stands there for itself.
    } finally {
      log.end();
    }
  }

  #keep(flight: Flight, loaded: Loaded, trueAt: number, since: number, keeper: Keeper): void {
    keeper.keep({
      key: flight.key,
      value: loaded.value,
      envelope: loaded.envelope,
      tags: flight.options.tags,
      trueAt,
      since,
    });
  }

  #renew(key: string, lease: string): { cancel(): void } {
    const { options, level } = this.#parts;
    const { clock } = options;
    const renew = (): void => {
      void level.renew(key, lease);
      timer = clock.setTimeout(renew, options.leaseMs / 3);
    };
    let timer = clock.setTimeout(renew, options.leaseMs / 3);
    return { cancel: () => timer.cancel() };
  }
}
