/**
 * Caches that the program keeps on purpose: their growth is no leak, and their owner can make them smaller.
 *
 * @module
 */

/** A cache as its owner shows it. */
export interface RegisteredCache {
  /** What it holds now. */
  bytes(): number;
  /** Makes it hold at most `toBytes`; returns what it holds then. */
  shrink?(toBytes: number): number;
  /** Where its bytes are: values that are Buffers are off the heap. @default 'heap' */
  readonly kind?: 'heap' | 'off-heap';
}

/** The caches by name. */
export class CacheRegistry {
  readonly #caches = new Map<string, RegisteredCache>();

  /** A second cache of the same name takes the place of the first. */
  register(name: string, cache: RegisteredCache): () => void {
    this.#caches.set(name, cache);
    return () => {
      if (this.#caches.get(name) === cache) this.#caches.delete(name);
    };
  }

  entries(): [string, RegisteredCache][] {
    return [...this.#caches];
  }

  bytes(kind: 'heap' | 'off-heap'): number {
    let total = 0;
    for (const cache of this.#caches.values()) {
      if ((cache.kind ?? 'heap') === kind) total += readBytes(cache);
    }
    return total;
  }

  byName(): Record<string, number> {
    return Object.fromEntries(this.entries().map(([name, cache]) => [name, readBytes(cache)]));
  }
}

/** A cache that throws, or answers nonsense, explains nothing. */
export function readBytes(cache: RegisteredCache): number {
  try {
    const bytes = cache.bytes();
    return Number.isFinite(bytes) && bytes > 0 ? bytes : 0;
  } catch {
    return 0;
  }
}
