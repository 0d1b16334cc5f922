/**
 * Counts leaks by where they come from, so that a loop that leaks fills one line of a report and not a thousand.
 *
 * @module
 */

/** The latest leak of each place, with how many there were. Bounded: places beyond `limit` share the last entry. */
export class LeakBook<T extends { readonly occurrences: number }> {
  readonly #byPlace = new Map<string, T>();
  readonly #limit: number;
  total = 0;

  constructor(limit = 500) {
    this.#limit = limit;
  }

  /** Enters a leak; `make` gets the number of leaks from its place, this one included. */
  enter(place: string, make: (occurrences: number) => T): T {
    const key =
      this.#byPlace.has(place) || this.#byPlace.size < this.#limit ? place : '(elsewhere)';
    const leak = make((this.#byPlace.get(key)?.occurrences ?? 0) + 1);
    this.#byPlace.set(key, leak);
    this.total++;
    return leak;
  }

  /** Puts a later state of a leak in the place of the earlier one, unless a newer leak stands there. */
  amend(earlier: T, later: T): void {
    for (const [place, leak] of this.#byPlace)
      if (leak === earlier) this.#byPlace.set(place, later);
  }

  list(): T[] {
    return [...this.#byPlace.values()];
  }
}
