import type { CacheEngine } from './_cache_engine.ts';
import { encodeEnvelope } from './_envelope.ts';
import type { Flight } from './_flight.ts';
import type { LocalEntry } from './_local_store.ts';
import { jitteredTtlMs, lifetimeOf } from './_ttl_policy.ts';
import { formValue } from './_value_form.ts';
import { within } from './_within.ts';
import { InvalidOptionError } from './errors.ts';
import type { Loader } from './loader.ts';
import type { Answer } from './metrics.ts';
import {
  assertName,
  type EntryOptions,
  type ResolvedEntryOptions,
  resolveEntryOptions,
} from './options.ts';

// After a failed refresh; so that a database in trouble is not asked at the rate of the requests.
const QUIET_MS = 1000;

/** What happens to requests that are not plain local hits, and how each is counted once. */
export class Requests {
  readonly #engine: CacheEngine;

  constructor(engine: CacheEngine) {
    this.#engine = engine;
  }

  /** What is not a plain local hit: a value to be refreshed, to be proven, in Redis, or to be loaded. */
  ask(
    key: string,
    loader: Loader<unknown>,
    given: EntryOptions | undefined,
    entry: LocalEntry | undefined,
  ): unknown {
    assertName('key', key);
    if (typeof loader !== 'function') throw new InvalidOptionError('loader', loader, 'a function');
    const engine = this.#engine;
    const options = resolveEntryOptions(given, engine.options);
    const began = engine.options.clock.now();
    engine.recorder.distinct.add(key);
    if (entry !== undefined && began < entry.staleUntil && covers(entry.tags, options.tags)) {
      if (this.proven(entry, began)) return this.#serveAndRefresh(entry, loader, options, began);
      if (entry.graceMs > 0) {
        // Redis is not there to prove it: grace covers that, and the answer does not wait.
        if (!engine.level.usable(key, options.tags))
          return this.#serveAndRefresh(entry, loader, options, began);
        return this.#askSoftly(entry, this.#join(key, loader, options), began);
      }
    }
    const flight = this.#join(key, loader, options);
    if (flight.given !== undefined) {
      this.countLocal(began, flight.given.source === 'stale');
      return flight.given.value;
    }
    return this.#answer(flight, began);
  }

  #join(key: string, loader: Loader<unknown>, options: ResolvedEntryOptions): Flight {
    const flight = this.#engine.flights.get(key);
    if (flight === undefined || !covers(flight.options.tags, options.tags)) {
      return this.#engine.fly(key, loader, options);
    }
    if (flight.given === undefined) this.#engine.recorder.joined++;
    return flight;
  }

  async #answer(flight: Flight, began: number): Promise<unknown> {
    const { recorder, options } = this.#engine;
    try {
      const { value, source } = await flight.answer;
      recorder.answered(source, options.clock.now() - began);
      return value;
    } catch (error) {
      recorder.answered('none', options.clock.now() - began);
      throw error;
    }
  }

  /** Redis is asked first, but a value in grace does not wait for it longer than the soft limit. */
  async #askSoftly(entry: LocalEntry, flight: Flight, began: number): Promise<unknown> {
    const { recorder, options } = this.#engine;
    if (await within(flight.answer, options.softTimeoutMs, options.clock)) {
      try {
        const { value, source } = await flight.answer;
        recorder.answered(source, options.clock.now() - began);
        return value;
      } catch {
        // The loader failed: what grace is for.
      }
    }
    this.countLocal(began, true);
    return entry.value;
  }

  #serveAndRefresh(
    entry: LocalEntry,
    loader: Loader<unknown>,
    options: ResolvedEntryOptions,
    now: number,
  ): unknown {
    const { flights } = this.#engine;
    this.#engine.local.touch(entry);
    if (flights.get(entry.key) === undefined && now >= entry.quietUntil) {
      // Hits stay cheap while the refresh is under way.
      entry.refreshAt = Math.max(entry.refreshAt, Math.min(entry.freshUntil, now + QUIET_MS));
      const flight = this.#engine.fly(entry.key, loader, options, entry.version);
      flight.failed = () => {
        entry.quietUntil = this.#engine.options.clock.now() + QUIET_MS;
      };
    }
    this.countLocal(now, now >= entry.freshUntil || !this.proven(entry, now));
    return entry.value;
  }

  /** Whether a local value may be believed now. */
  proven(entry: LocalEntry, now: number): boolean {
    const { coherence } = this.#engine;
    return entry.epoch === coherence.epoch && (now < coherence.until || now < entry.provenUntil);
  }

  /** Counts a local hit that was timed. */
  countLocal(began: number, stale: boolean): void {
    const { recorder, options } = this.#engine;
    recorder.localHits++;
    if (stale) recorder.staleServed++;
    recorder.local.record(options.clock.now() - began);
  }

  /** Asks Redis without loading. */
  async look(key: string, entry: LocalEntry | undefined, began: number): Promise<unknown> {
    const { recorder, options, level } = this.#engine;
    await this.#engine.begin();
    if (
      entry !== undefined &&
      entry.graceMs > 0 &&
      began < entry.staleUntil &&
      !level.usable(key, entry.tags)
    ) {
      this.countLocal(began, true);
      return entry.value;
    }
    const answer: Answer = await this.#engine.journey.look(key);
    recorder.answered(answer.source, options.clock.now() - began);
    return answer.value;
  }

  /** Stores in both levels without a condition. */
  async store(key: string, value: unknown, given: EntryOptions | undefined): Promise<void> {
    assertName('key', key);
    const { level, log, keeper, options } = this.#engine;
    const entry = resolveEntryOptions(given, options);
    const formed = formValue(key, value, options.codec);
    await this.#engine.begin();
    this.#engine.forget([level.valueKey(key)]);
    const { ttlMs, graceMs } = lifetimeOf(value, entry, entry.negativeTtlMs);
    const freshMs = jitteredTtlMs(ttlMs, options.ttlJitter, options.random());
    const stamps = await level.ensureStamps(key, entry.tags, options.hardTimeoutMs);
    const since = log.begin();
    try {
      const sent = options.clock.now();
      const envelope = {
        version: level.token(),
        freshUntilMs: Math.round(options.clock.wallNow() + freshMs),
        graceMs: Math.round(graceMs),
        loadMs: 0,
        tags: stamps,
        text: formed.text,
      };
      await level.put(key, encodeEnvelope(envelope), Math.round(freshMs + graceMs));
      keeper.keep({ key, value: formed.value, envelope, tags: entry.tags, trueAt: sent, since });
    } finally {
      log.end();
      this.#engine.waiters.wake(key);
    }
  }
}

/** What was stored under fewer tags than the caller wants it to obey is not for this caller: an invalidation would miss it. */
export function covers(had: readonly string[], wanted: readonly string[]): boolean {
  for (const tag of wanted) if (!had.includes(tag)) return false;
  return true;
}
