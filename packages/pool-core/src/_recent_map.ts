/**
 * A bounded memory of what was used lately.
 */

/**
 * Two generations instead of a list: what is asked for moves to the young one, and when that is full the old one is forgotten.
 * A hit in the young one costs a single look-up; it holds between `size / 2` and `size` of the most recent keys.
 */
export class RecentMap<V> {
  readonly #half: number;
  readonly #dropped: ((key: string, value: V) => void) | undefined;
  #young = new Map<string, V>();
  #old = new Map<string, V>();

  /** @param dropped told of what is forgotten. */
  constructor(size: number, dropped?: (key: string, value: V) => void) {
    this.#half = Math.max(1, Math.floor(size / 2));
    this.#dropped = dropped;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: string): V | undefined {
    const found = this.#young.get(key);
    if (found !== undefined) return found;
    const older = this.#old.get(key);
    if (older === undefined) return undefined;
    this.#old.delete(key);
    this.set(key, older);
    return older;
  }

  /** Adds a key that is not there, or was just taken out. */
  set(key: string, value: V): void {
    if (this.#young.size >= this.#half) {
      const forgotten = this.#old;
      this.#old = this.#young;
      this.#young = new Map();
      if (this.#dropped !== undefined) for (const [k, v] of forgotten) this.#dropped(k, v);
    }
    this.#young.set(key, value);
  }

  delete(key: string): void {
    if (!this.#young.delete(key)) this.#old.delete(key);
  }

  *values(): IterableIterator<V> {
    yield* this.#young.values();
    yield* this.#old.values();
  }
}
