/**
 * Which keys were invalidated while reads were in flight. A read that began before the invalidation of its key may carry the
 * old value, whatever order its reply and the message arrive in: its result is given to who asked, but never stored.
 *
 * Remembers only while a read is in flight, and at most `limit` keys: beyond, all reads under way count as touched.
 */
export class InvalidationLog {
  #sequence = 0;
  #allBefore = 0;
  #reading = 0;
  readonly #touched = new Map<string, number>();
  readonly #limit: number;

  constructor(limit = 10_000) {
    this.#limit = limit;
  }

  /** A read begins now. Pass the answer to `touchedSince`, and call `end` once. */
  begin(): number {
    this.#reading++;
    return this.#sequence;
  }

  end(): void {
    this.#reading--;
    if (this.#reading === 0) this.#touched.clear();
  }

  /** The key (or tag, in the caller's own notation) was invalidated. */
  touch(key: string): void {
    this.#sequence++;
    if (this.#reading === 0) return;
    if (this.#touched.size >= this.#limit) this.touchAll();
    else this.#touched.set(key, this.#sequence);
  }

  /** Everything may have been invalidated. */
  touchAll(): void {
    this.#sequence++;
    this.#allBefore = this.#sequence;
    this.#touched.clear();
  }

  touchedSince(began: number, key: string): boolean {
    return began < this.#allBefore || (this.#touched.get(key) ?? 0) > began;
  }
}
