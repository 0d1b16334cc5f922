import type { Loader } from './loader.ts';
import type { Answer, Source } from './metrics.ts';
import type { ResolvedEntryOptions } from './options.ts';

/**
 * One journey to Redis and the loader for one key, shared by all callers of this process. It is left on the map of flights until its
 * value is stored, and taken off early when its key is invalidated: whoever asks after that must not get the older value.
 */
export class Flight {
  readonly key: string;
  readonly loader: Loader<unknown>;
  readonly options: ResolvedEntryOptions;
  /** The version of the value in this process that is to be replaced, if the flight is a refresh. */
  readonly refreshOf: string | undefined;
  readonly answer: Promise<Answer>;
  /** While it only waits for another process it will read again anyway, and may be joined whatever happens. */
  waiting = false;
  /** What was given, from then on; who comes later need not wait for a promise. */
  given: Answer | undefined;
  /** Told of a failure, also of one after the answer. */
  failed: (() => void) | undefined;
  #resolve: (answer: Answer) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(
    key: string,
    loader: Loader<unknown>,
    options: ResolvedEntryOptions,
    refreshOf: string | undefined,
  ) {
    this.key = key;
    this.loader = loader;
    this.options = options;
    this.refreshOf = refreshOf;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // A refresh may fail with nobody waiting for it.
    if (refreshOf !== undefined) this.answer.catch(() => undefined);
  }

  /** Callers go on; the flight may go on too. Only the first answer counts. */
  give(value: unknown, source: Source): void {
    this.given ??= { value, source };
    this.#resolve(this.given);
  }

  fail(error: unknown): void {
    this.failed?.();
    this.#reject(error);
  }
}

/** The flights under way, by key, and by tag for invalidation. */
export class Flights {
  readonly #byKey = new Map<string, Flight>();
  readonly #tagged = new Set<Flight>();

  get(key: string): Flight | undefined {
    return this.#byKey.get(key);
  }

  add(flight: Flight): void {
    this.#byKey.set(flight.key, flight);
    if (flight.options.tags.length > 0) this.#tagged.add(flight);
  }

  remove(flight: Flight): void {
    if (this.#byKey.get(flight.key) === flight) this.#byKey.delete(flight.key);
    this.#tagged.delete(flight);
  }

  detachKey(key: string): void {
    const flight = this.#byKey.get(key);
    if (flight !== undefined && !flight.waiting) this.remove(flight);
  }

  detachTag(tag: string): void {
    for (const flight of this.#tagged) {
      if (flight.options.tags.includes(tag) && !flight.waiting) this.remove(flight);
    }
  }

  detachAll(): void {
    this.#byKey.clear();
    this.#tagged.clear();
  }
}
