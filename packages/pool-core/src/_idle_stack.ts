/**
 * Idle connections, the most recently used on top: few stay hot, the rest age until they may be closed.
 *
 * @module
 */
import type { Entry } from './_entry.ts';

/** A stack that also gives up one from its middle, or its coldest, in O(1). */
export class IdleStack<C> {
  #top: Entry<C> | undefined;
  #bottom: Entry<C> | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The one idle longest. */
  get coldest(): Entry<C> | undefined {
    return this.#bottom;
  }

  push(entry: Entry<C>): void {
    const top = this.#top;
    entry.below = top;
    if (top === undefined) this.#bottom = entry;
    else top.above = entry;
    this.#top = entry;
    this.#length++;
  }

  pop(): Entry<C> | undefined {
    const top = this.#top;
    if (top === undefined) return undefined;
    const below = top.below;
    this.#top = below;
    if (below === undefined) this.#bottom = undefined;
    else below.above = undefined;
    top.below = undefined;
    this.#length--;
    return top;
  }

  /**
   * Puts one back where its `idleSince` belongs. The examined ones are the cold ones, so the search begins at the bottom;
   * on top they would count as used, and none would ever grow old.
   */
  insert(entry: Entry<C>): void {
    let above = this.#bottom;
    while (above !== undefined && above.idleSince <= entry.idleSince) above = above.above;
    if (above === undefined) {
      this.push(entry);
      return;
    }
    const below = above.below;
    entry.above = above;
    entry.below = below;
    above.below = entry;
    if (below === undefined) this.#bottom = entry;
    else below.above = entry;
    this.#length++;
  }

  /** Takes out an entry that is in the stack. */
  remove(entry: Entry<C>): void {
    if (entry.above === undefined) this.#top = entry.below;
    else entry.above.below = entry.below;
    if (entry.below === undefined) this.#bottom = entry.above;
    else entry.below.above = entry.above;
    entry.above = undefined;
    entry.below = undefined;
    this.#length--;
  }

  /** From the coldest to the hottest. */
  *[Symbol.iterator](): Generator<Entry<C>> {
    for (let entry = this.#bottom; entry !== undefined; ) {
      // Read ahead: the entry may be taken out while it is looked at.
      const next: Entry<C> | undefined = entry.above;
      yield entry;
      entry = next;
    }
  }
}
