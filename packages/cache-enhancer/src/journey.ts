import { type Envelope, NO_TAGS } from './envelope.ts';
import { Filler, LoadFailed, type Parts } from './fill.ts';
import type { Flight } from './flight.ts';
import type { Answer } from './metrics.ts';
import type { LevelRead } from './redis_level.ts';

const POLL_MS = { first: 10, most: 250 };
const RESTARTS = 10;

/** What a look at Redis came to. `again`: look once more, at once. `wait`: another process is loading. */
type Step = 'done' | 'again' | 'wait';

/** What an envelope is worth now. `value` is there when it is fresh or in grace. */
interface Judgement {
  fresh: boolean;
  usable: { value: unknown } | undefined;
}

/**
 * The way of one flight: look into Redis; take what is there; load under a lease what is not; wait for who is loading already; and do
 * without Redis as soon as it does not answer in time.
 */
export class Journey {
  readonly #parts: Parts;
  readonly #filler: Filler;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#filler = new Filler(parts);
  }

  /** @throws what the loader throws */
  async run(flight: Flight): Promise<void> {
    try {
      if (!(await this.#throughRedis(flight))) await this.#filler.alone(flight);
    } catch (error) {
      throw error instanceof LoadFailed ? error.error : error;
    }
  }

  /** What Redis has, without loading. Nothing, also when Redis cannot be asked. */
  async look(key: string): Promise<Answer> {
    const { level, log } = this.#parts;
    const began = this.#parts.options.clock.now();
    const since = log.begin();
    try {
      if (!level.usable(key, [])) return { value: undefined, source: 'none' };
      const read = await level.read(key, []);
      if (read.stored?.kind !== 'value') return { value: undefined, source: 'none' };
      const { envelope } = read.stored;
      const { usable, fresh } = await this.#judge(key, [], envelope, read.stamps);
      if (usable === undefined) return { value: undefined, source: 'none' };
      if (fresh) this.#keep(key, usable.value, envelope, began, since);
      return { value: usable.value, source: fresh ? 'redis' : 'stale' };
    } catch {
      return { value: undefined, source: 'none' };
    } finally {
      log.end();
    }
  }

  /** false: Redis cannot serve this flight. */
  async #throughRedis(flight: Flight): Promise<boolean> {
    const { options, level, log } = this.#parts;
    const { key } = flight;
    const giveUpAt = options.clock.now() + options.loaderTimeoutMs + options.leaseMs;
    let pollMs = POLL_MS.first;
    for (let restarts = 0; restarts < RESTARTS; ) {
      const began = options.clock.now();
      if (began > giveUpAt || !level.usable(key, flight.options.tags)) return false;
      const since = log.begin();
      let step: Step;
      let touched: boolean;
      try {
        step = await this.#step(flight, await level.read(key, flight.options.tags), began, since);
        touched = log.touchedSince(since, `k:${key}`);
      } catch (error) {
        if (error instanceof LoadFailed) throw error;
        return false;
      } finally {
        log.end();
      }
      if (step === 'done') return true;
      if (step === 'again') restarts++;
      // A message that came while we looked is not announced again: look at once instead of waiting for it.
      if (step === 'again' || touched) continue;
      flight.waiting = true;
      await this.#parts.waiters.wait(key, pollMs);
      flight.waiting = false;
      pollMs = Math.min(POLL_MS.most, pollMs * 2);
    }
    return false;
  }

  async #step(flight: Flight, read: LevelRead, began: number, since: number): Promise<Step> {
    const { options, level } = this.#parts;
    const { key } = flight;
    const left = (): number => options.hardTimeoutMs - (options.clock.now() - began);
    const { stored } = read;
    if (stored === undefined) {
      const acquired = await level.acquire(key, flight.options.tags, left());
      if (acquired === undefined) return 'again';
      await this.#filler.underLease(flight, acquired.lease, acquired.stamps);
      return 'done';
    }
    if (stored.kind === 'lease') {
      if (await this.#tagsHold(key, [], stored.tags, read.stamps)) return 'wait';
      // A tag was invalidated since that load began: nobody wants its result any more.
      await level.release(key, stored.head);
      return 'again';
    }
    if (stored.kind === 'unknown')
      return this.#discard(key, read, new TypeError('not a value of this cache'));
    const { envelope } = stored;
    let judgement: Judgement;
    try {
      judgement = await this.#judge(key, flight.options.tags, envelope, read.stamps);
    } catch (error) {
      if (!(error instanceof DecodeFailed)) throw error;
      return this.#discard(key, read, error.cause);
    }
    if (judgement.fresh && judgement.usable && envelope.version !== flight.refreshOf) {
      flight.give(judgement.usable.value, 'redis');
      this.#keep(key, judgement.usable.value, envelope, began, since);
      return 'done';
    }
    return this.#replace(flight, envelope.version, judgement.usable, left());
  }

  /** The value is old, or a tag of it was invalidated. One process of the fleet replaces it; the others take it or wait. */
  async #replace(
    flight: Flight,
    version: string,
    usable: Judgement['usable'],
    left: number,
  ): Promise<Step> {
    const { level } = this.#parts;
    const { key, options } = flight;
    if (usable !== undefined) flight.give(usable.value, 'stale');
    const lock = await level.lockRefresh(key, left);
    if (lock === undefined) return usable === undefined ? 'wait' : 'done';
    const stamps = await level.ensureStamps(key, options.tags, left);
    await this.#filler.overVersion(flight, version, lock, stamps);
    return 'done';
  }

  async #judge(
    key: string,
    wanted: readonly string[],
    envelope: Envelope,
    stamps: ReadonlyMap<string, string>,
  ): Promise<Judgement> {
    const { options } = this.#parts;
    const overdueMs = options.clock.wallNow() - envelope.freshUntilMs;
    if (
      overdueMs >= envelope.graceMs ||
      !(await this.#tagsHold(key, wanted, envelope.tags, stamps))
    ) {
      return { fresh: false, usable: undefined };
    }
    try {
      const value = envelope.text === undefined ? undefined : options.codec.decode(envelope.text);
      return { fresh: overdueMs < 0, usable: { value } };
    } catch (error) {
      throw new DecodeFailed('decode', { cause: error });
    }
  }

  /** A value is what it was loaded as only while all its tags have the stamps they had then. */
  async #tagsHold(
    key: string,
    wanted: readonly string[],
    had: ReadonlyMap<string, string>,
    known: ReadonlyMap<string, string>,
  ): Promise<boolean> {
    const { level } = this.#parts;
    // Stored under fewer tags than this caller wants it to obey: an invalidation would miss it.
    for (const tag of wanted) if (!had.has(tag)) return false;
    if (had.size === 0) return true;
    const others = [...had.keys()].filter((tag) => !wanted.includes(tag));
    if (!level.trusts(others)) return false;
    const more = others.length === 0 ? NO_TAGS : await level.stamps(key, others);
    for (const [tag, stamp] of had) {
      if ((known.get(tag) ?? more.get(tag)) !== stamp) return false;
    }
    return true;
  }

  #keep(key: string, value: unknown, envelope: Envelope, trueAt: number, since: number): void {
    this.#parts.keeper.keep({
      key,
      value,
      envelope,
      tags: [...envelope.tags.keys()],
      trueAt,
      since,
    });
  }

  async #discard(key: string, read: LevelRead, error: unknown): Promise<Step> {
    this.#parts.emitter.emit('valueUnreadable', { key, error });
    await this.#parts.level.release(key, (read.raw ?? '').slice(0, 512));
    return 'again';
  }
}

class DecodeFailed extends Error {}
