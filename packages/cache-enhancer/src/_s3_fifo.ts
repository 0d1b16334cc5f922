/** What the queues link: the owner's entries carry these fields, so that a hit costs one counter and no allocation. */
export interface Queued<E> {
  readonly key: string;
  /** What the entry weighs. The unit is the owner's: bytes in the local store, 1 in a hit-ratio trace. */
  weight: number;
  /** Uses since insertion or last mercy, 0..3. The owner's hit path adds to it; only eviction takes away. */
  uses: number;
  /** Which queue holds it. Set by S3Fifo only, as the links. */
  queue: 'none' | 'small' | 'main';
  newer: E | undefined;
  older: E | undefined;
}

/** A hit counts no further than this. */
export const MAX_USES = 3;

const SMALL_SHARE = 0.1;

/**
 * S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023), weighed instead of counted: newcomers pass
 * a small queue, what was used there twice moves to the main queue, what was not is remembered as a ghost and goes straight
 * to main when it returns. Chosen over LRU, ARC, SIEVE and W-TinyLFU for the best mean hit ratio over thirty rows of public
 * traces (55.4 % against LRU's 52.0 %) with no row more than 1.7 points below LRU, and for the cheapest hit.
 */
export class S3Fifo<E extends Queued<E>> {
  readonly #small = new Fifo<E>('small');
  readonly #main = new Fifo<E>('main');
  readonly #ghosts: Ghosts;
  readonly #evicted: (entry: E) => void;
  #max: number;

  /**
   * @param maxWeight bound of the sum of weights, ghosts included
   * @param evicted is told of every victim; it is out of the queues already
   * @param ghostCost what remembering a key weighs; 0 when only entries count
   */
  constructor(
    maxWeight: number,
    evicted: (entry: E) => void,
    ghostCost: (key: string) => number = () => 0,
  ) {
    this.#max = maxWeight;
    this.#evicted = evicted;
    this.#ghosts = new Ghosts(ghostCost);
  }

  /** Of entries and ghosts. */
  get weight(): number {
    return this.#small.weight + this.#main.weight + this.#ghosts.cost;
  }

  /** Takes the entry in and evicts until all fits. The newcomer is never its own victim; the owner refuses what is too heavy. */
  insert(entry: E): void {
    entry.uses = 0;
    const queue = this.#ghosts.forget(entry.key) ? this.#main : this.#small;
    this.#evictTo(this.#max - entry.weight);
    queue.push(entry);
  }

  /** Takes the entry out without a ghost: it was invalidated or replaced, which says nothing about its worth. */
  remove(entry: E): void {
    if (entry.queue === 'small') this.#small.remove(entry);
    else if (entry.queue === 'main') this.#main.remove(entry);
  }

  /** Evicts until the weight is at most `weight`. */
  shrink(weight: number): void {
    this.#evictTo(weight);
    this.#ghosts.limit(0, weight - this.#small.weight - this.#main.weight);
  }

  clear(): void {
    for (const queue of [this.#small, this.#main]) {
      while (queue.oldest !== undefined) queue.remove(queue.oldest);
    }
    this.#ghosts.limit(0, 0);
  }

  // Ends: every turn evicts, promotes one of finitely many out of small, or stops.
  #evictTo(weight: number): void {
    while (this.weight > weight) {
      const small = this.#small.oldest;
      const main = this.#main.oldest;
      if (
        small !== undefined &&
        (main === undefined || this.#small.weight >= this.#max * SMALL_SHARE)
      ) {
        this.#leaveSmall(small);
      } else if (main !== undefined) {
        this.#evictMain();
      } else {
        return;
      }
    }
  }

  #leaveSmall(entry: E): void {
    this.#small.remove(entry);
    const mainMax = this.#max * (1 - SMALL_SHARE);
    if (entry.uses <= 1) {
      this.#ghosts.remember(entry.key, entry.weight);
      this.#ghosts.limit(mainMax, this.#max * SMALL_SHARE);
      this.#evicted(entry);
      return;
    }
    entry.uses = 0;
    if (this.#main.weight + entry.weight > mainMax) this.#evictMain();
    this.#main.push(entry);
  }

  // Ends: each turn either evicts or takes one of finitely many uses away.
  #evictMain(): void {
    for (let entry = this.#main.oldest; entry !== undefined; entry = this.#main.oldest) {
      this.#main.remove(entry);
      if (entry.uses === 0) {
        this.#evicted(entry);
        return;
      }
      entry.uses--;
      this.#main.push(entry);
    }
  }
}

/** Oldest first, with O(1) removal from the middle: an invalidation takes entries from anywhere. */
class Fifo<E extends Queued<E>> {
  weight = 0;
  oldest: E | undefined;
  #newest: E | undefined;
  readonly #name: 'small' | 'main';

  constructor(name: 'small' | 'main') {
    this.#name = name;
  }

  push(entry: E): void {
    entry.queue = this.#name;
    entry.older = this.#newest;
    entry.newer = undefined;
    if (this.#newest === undefined) this.oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
    this.weight += entry.weight;
  }

  remove(entry: E): void {
    if (entry.older === undefined) this.oldest = entry.newer;
    else entry.older.newer = entry.newer;
    if (entry.newer === undefined) this.#newest = entry.older;
    else entry.newer.older = entry.older;
    entry.newer = undefined;
    entry.older = undefined;
    entry.queue = 'none';
    this.weight -= entry.weight;
  }
}

/** Keys lately evicted from the small queue, up to the weight of the main queue. */
class Ghosts {
  cost = 0;
  #weight = 0;
  // Insertion order is age. The key itself, not its hash: a collision would let a stranger into main.
  readonly #weights = new Map<string, number>();
  readonly #costOf: (key: string) => number;

  constructor(costOf: (key: string) => number) {
    this.#costOf = costOf;
  }

  remember(key: string, weight: number): void {
    this.forget(key);
    this.#weights.set(key, weight);
    this.#weight += weight;
    this.cost += this.#costOf(key);
  }

  forget(key: string): boolean {
    const weight = this.#weights.get(key);
    if (weight === undefined) return false;
    this.#weights.delete(key);
    this.#weight -= weight;
    this.cost -= this.#costOf(key);
    return true;
  }

  limit(weight: number, cost: number): void {
    for (const key of this.#weights.keys()) {
      if (this.#weight <= weight && this.cost <= cost) return;
      this.forget(key);
    }
  }
}
