/**
 * Eviction policies as their papers give them, counted in entries: what the in-process level of the cache is held
 * against. Each is told of a request and says whether it was a hit.
 */
export interface EvictionPolicy {
  readonly name: string;
  readonly settings: string;
  /** @param capacity entries */
  make(capacity: number): (key: number) => boolean;
}

export const lru: EvictionPolicy = {
  name: 'LRU',
  settings: 'least recently used, in entries',
  make(capacity) {
    const entries = new Map<number, true>();
    return (key) => {
      const hit = entries.delete(key);
      if (!hit && entries.size >= capacity) dropOldest(entries);
      entries.set(key, true);
      return hit;
    };
  },
};

export const arc: EvictionPolicy = {
  name: 'ARC',
  settings: 'Megiddo and Modha, FAST 2003, in entries',
  make(capacity) {
    // Insertion order is recency.
    const recent = new Map<number, true>();
    const frequent = new Map<number, true>();
    const recentGhosts = new Map<number, true>();
    const frequentGhosts = new Map<number, true>();
    let target = 0;

    function replace(fromFrequentGhosts: boolean): void {
      const overTarget =
        recent.size > target || (fromFrequentGhosts && recent.size === target && target > 0);
      if (recent.size > 0 && (overTarget || frequent.size === 0)) {
        recentGhosts.set(dropOldest(recent), true);
      } else frequentGhosts.set(dropOldest(frequent), true);
    }

    return (key) => {
      if (recent.delete(key) || frequent.delete(key)) {
        frequent.set(key, true);
        return true;
      }
      if (recentGhosts.has(key)) {
        target = Math.min(capacity, target + Math.max(1, frequentGhosts.size / recentGhosts.size));
        replace(false);
        recentGhosts.delete(key);
        frequent.set(key, true);
        return false;
      }
      if (frequentGhosts.has(key)) {
        target = Math.max(0, target - Math.max(1, recentGhosts.size / frequentGhosts.size));
        replace(true);
        frequentGhosts.delete(key);
        frequent.set(key, true);
        return false;
      }
      const known = recent.size + recentGhosts.size;
      const all = known + frequent.size + frequentGhosts.size;
      if (known === capacity) {
        if (recent.size < capacity) {
          dropOldest(recentGhosts);
          replace(false);
        } else dropOldest(recent);
      } else if (all >= capacity) {
        if (all === 2 * capacity) dropOldest(frequentGhosts);
        replace(false);
      }
      recent.set(key, true);
      return false;
    };
  },
};

export const s3Fifo: EvictionPolicy = {
  name: 'S3-FIFO',
  settings: 'Yang et al., SOSP 2023: 10 % small queue, ghosts as many as main, in entries',
  make(capacity) {
    const smallCapacity = Math.max(1, Math.floor(capacity / 10));
    const mainCapacity = Math.max(1, capacity - smallCapacity);
    const small = new Map<number, number>();
    const main = new Map<number, number>();
    const ghosts = new Map<number, true>();

    function evictMain(): void {
      for (;;) {
        const [key, uses] = oldestEntry(main);
        main.delete(key);
        if (uses === 0) return;
        main.set(key, uses - 1);
      }
    }

    /** Ends with one entry less in the cache, or, when all of small were promoted, with an eviction from main. */
    function evictSmall(): void {
      while (small.size > 0) {
        const [key, uses] = oldestEntry(small);
        small.delete(key);
        if (uses <= 1) {
          ghosts.set(key, true);
          if (ghosts.size > mainCapacity) dropOldest(ghosts);
          return;
        }
        if (main.size >= mainCapacity) evictMain();
        main.set(key, 0);
      }
      evictMain();
    }

    return (key) => {
      for (const queue of [small, main]) {
        const uses = queue.get(key);
        if (uses === undefined) continue;
        // An existing key keeps its place in a Map: first in, first out.
        queue.set(key, Math.min(3, uses + 1));
        return true;
      }
      const known = ghosts.delete(key);
      if (small.size + main.size >= capacity) {
        if (small.size >= smallCapacity || main.size === 0) evictSmall();
        else evictMain();
      }
      if (!known) small.set(key, 0);
      else {
        if (main.size >= mainCapacity) evictMain();
        main.set(key, 0);
      }
      return false;
    };
  },
};

/** Hits of a policy over a trace. */
export function hitsOf({ make }: EvictionPolicy, trace: Uint32Array, capacity: number): number {
  const access = make(capacity);
  let hits = 0;
  for (const key of trace) if (access(key)) hits++;
  return hits;
}

/**
 * The most hits any policy could have, knowing the future (Belady's MIN, a newcomer may be refused): what is kept are the keys
 * that are wanted soonest.
 */
export function optimalHits(trace: Uint32Array, capacity: number): number {
  const never = trace.length;
  const nextUse = new Uint32Array(trace.length);
  const seen = new Map<number, number>();
  for (let i = trace.length - 1; i >= 0; i--) {
    const key = trace[i] as number;
    nextUse[i] = seen.get(key) ?? never;
    seen.set(key, i);
  }
  // Kept keys by their next use; what is on top of the heap but no longer true is skipped when it is met.
  const kept = new Map<number, number>();
  const farthest = new FarthestFirst();
  let hits = 0;
  for (let i = 0; i < trace.length; i++) {
    const key = trace[i] as number;
    const next = nextUse[i] as number;
    if (kept.has(key)) hits++;
    kept.set(key, next);
    farthest.push(next, key);
    while (kept.size > capacity) {
      const [use, candidate] = farthest.pop();
      if (kept.get(candidate) === use) kept.delete(candidate);
    }
  }
  return hits;
}

/** A binary heap of (next use, key), the farthest on top. */
class FarthestFirst {
  readonly #uses: number[] = [];
  readonly #keys: number[] = [];

  push(use: number, key: number): void {
    let at = this.#uses.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((this.#uses[parent] as number) >= use) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#put(at, use, key);
  }

  pop(): [use: number, key: number] {
    const top: [number, number] = [this.#uses[0] as number, this.#keys[0] as number];
    const use = this.#uses.pop() as number;
    const key = this.#keys.pop() as number;
    const size = this.#uses.length;
    if (size === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && (this.#uses[child + 1] as number) > (this.#uses[child] as number))
        child++;
      if ((this.#uses[child] as number) <= use) break;
      this.#move(child, at);
      at = child;
    }
    this.#put(at, use, key);
    return top;
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#uses[from] as number, this.#keys[from] as number);
  }

  #put(at: number, use: number, key: number): void {
    this.#uses[at] = use;
    this.#keys[at] = key;
  }
}

function oldestEntry(queue: ReadonlyMap<number, number>): [key: number, uses: number] {
  const { value } = queue.entries().next();
  if (value === undefined) throw new Error('an empty queue has no oldest entry');
  return value;
}

function dropOldest(queue: Map<number, true>): number {
  const { value } = queue.keys().next();
  if (value === undefined) throw new Error('an empty queue has no oldest entry');
  queue.delete(value);
  return value;
}
