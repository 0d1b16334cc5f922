import { decodeStored, type Envelope, NO_TAGS } from './_envelope.ts';
import { Filler, LoadFailed, type Parts } from './_fill.ts';
import type { Flight } from './_flight.ts';
import type { Read } from './_read_batcher.ts';
import { zip } from './_redis_level.ts';
import type { Answer } from './metrics.ts';

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
      const stored = read.raw === null ? undefined : decodeStored(read.raw);
      if (stored?.kind !== 'value') return { value: undefined, source: 'none' };
      const { envelope } = stored;
      const { usable, fresh } = this.#judge(
        envelope,
        await this.#tagsHold(key, [], envelope.tags, NO_TAGS),
      );
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
        const next = this.#step(flight, await level.read(key, flight.options.tags), began, since);
        step = typeof next === 'string' ? next : await next;
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

  // Not async: most looks find a fresh value without tags, and every promise on that way costs a tenth of it.
  #step(flight: Flight, read: Read, began: number, since: number): Step | Promise<Step> {
    if (read.raw === null) return this.#load(flight, began);
    const stored = decodeStored(read.raw);
    if (stored.kind === 'unknown')
      return this.#discard(flight.key, read, new TypeError('not a value of this cache'));
    if (stored.kind === 'lease')
      return this.#waitFor(flight, stored, zip(flight.options.tags, read.stamps));
    const { envelope } = stored;
    if (envelope.tags.size === 0 && flight.options.tags.length === 0) {
      return this.#take(flight, read, envelope, true, began, since);
    }
    return this.#tagsHold(
      flight.key,
      flight.options.tags,
      envelope.tags,
      zip(flight.options.tags, read.stamps),
    ).then((valid) => this.#take(flight, read, envelope, valid, began, since));
  }

  #take(
    flight: Flight,
    read: Read,
    envelope: Envelope,
    valid: boolean,
    began: number,
    since: number,
  ): Step | Promise<Step> {
    let judgement: Judgement;
    try {
      judgement = this.#judge(envelope, valid);
    } catch (error) {
      return this.#discard(flight.key, read, error);
    }
    const { usable, fresh } = judgement;
    if (fresh && usable !== undefined && envelope.version !== flight.refreshOf) {
      flight.give(usable.value, 'redis');
      this.#keep(flight.key, usable.value, envelope, began, since);
      return 'done';
    }
    return this.#replace(flight, envelope.version, usable, this.#left(began));
  }

  async #load(flight: Flight, began: number): Promise<Step> {
    const acquired = await this.#parts.level.acquire(
      flight.key,
      flight.options.tags,
      this.#left(began),
    );
    if (acquired === undefined) return 'again';
    await this.#filler.underLease(flight, acquired.lease, acquired.stamps);
    return 'done';
  }

  async #waitFor(
    flight: Flight,
    lease: { head: string; tags: ReadonlyMap<string, string> },
    stamps: ReadonlyMap<string, string>,
  ): Promise<Step> {
    if (await this.#tagsHold(flight.key, [], lease.tags, stamps)) return 'wait';
    // A tag was invalidated since that load began: nobody wants its result any more.
    await this.#parts.level.release(flight.key, lease.head);
    return 'again';
  }

  /** What is left of the time this look may spend on Redis. */
  #left(began: number): number {
    return this.#parts.options.hardTimeoutMs - (this.#parts.options.clock.now() - began);
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

  /** @throws what the codec throws */
  #judge(envelope: Envelope, valid: boolean): Judgement {
    const { options } = this.#parts;
    const overdueMs = options.clock.wallNow() - envelope.freshUntilMs;
    // Not fresh, and not in grace.
    if (!valid || (overdueMs >= 0 && overdueMs >= envelope.graceMs))
      return { fresh: false, usable: undefined };
    const value = envelope.text === undefined ? undefined : options.codec.decode(envelope.text);
    return { fresh: overdueMs < 0, usable: { value } };
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

  async #discard(key: string, read: Read, error: unknown): Promise<Step> {
    this.#parts.emitter.emit('valueUnreadable', { key, error });
    await this.#parts.level.release(key, (read.raw ?? '').slice(0, 512));
    return 'again';
  }
}
