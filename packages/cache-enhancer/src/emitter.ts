/** What a cache tells of itself; facts, synchronous. */
export interface CacheEvents {
  /** Redis is not asked any more until a probe is answered. */
  redisDown: { reason: string };
  redisUp: Record<string, never>;
  /** The invalidation feed is whole: local hits are proven by it. */
  feedArmed: Record<string, never>;
  feedLost: { reason: string };
  /** Redis refuses client tracking: local values live for `maxStalenessMs`. */
  feedRefused: { reason: string };
  /** A loader failed; the callers were given the error, or a value in grace. */
  loadError: { key: string; error: unknown };
  /** A value that was read cannot be used (foreign or damaged); it is loaded anew. */
  valueUnreadable: { key: string; error: unknown };
}

type Listener<K extends keyof CacheEvents> = (event: CacheEvents[K]) => void;

/** A listener that throws neither stops the others nor the cache; its error is thrown again on its own. */
export class Emitter {
  readonly #listeners = new Map<keyof CacheEvents, Set<Listener<never>>>();

  on<K extends keyof CacheEvents>(event: K, listener: Listener<K>): () => void {
    const here = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, here);
    // One object for each call: the same function may listen twice and leave once.
    const own: Listener<K> = (fact) => listener(fact);
    here.add(own);
    return () => void here.delete(own);
  }

  emit<K extends keyof CacheEvents>(event: K, fact: CacheEvents[K]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])] as Listener<K>[]) {
      try {
        listener(fact);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
