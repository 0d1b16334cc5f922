import { describe, expect, test } from 'vitest';
import { type Queued, S3Fifo } from './_s3_fifo.ts';

interface Item extends Queued<Item> {
  readonly key: string;
}

class Cache {
  readonly items = new Map<string, Item>();
  readonly evicted: string[] = [];
  readonly queues: S3Fifo<Item>;

  constructor(max: number) {
    this.queues = new S3Fifo(max, (item) => {
      this.items.delete(item.key);
      this.evicted.push(item.key);
    });
  }

  access(key: string, weight = 1): boolean {
    const known = this.items.get(key);
    if (known !== undefined) {
      known.uses = Math.min(3, known.uses + 1);
      return true;
    }
    const item: Item = { key, weight, uses: 0, queue: 'none', newer: undefined, older: undefined };
    this.queues.insert(item);
    this.items.set(key, item);
    return false;
  }
}

describe('S3Fifo', () => {
  test.each([
    [
      'what was never used again leaves in the order it came',
      ['a', 'b', 'c', 'd', 'e', 'f'],
      ['a', 'b'],
    ],
    [
      'what was used twice while small outlives what came later',
      ['a', 'a', 'a', 'b', 'c', 'd', 'e', 'f'],
      ['b', 'c'],
    ],
    ['one further use is not enough to stay', ['a', 'a', 'b', 'c', 'd', 'e'], ['a']],
    [
      'what returns as a ghost stays while newcomers pass',
      ['a', 'b', 'c', 'd', 'e', 'a', 'f', 'g', 'h', 'i'],
      ['a', 'b', 'c', 'd', 'e', 'f'],
    ],
  ])('%s', (_name, accesses, evicted) => {
    const cache = new Cache(4);
    for (const key of accesses) cache.access(key);
    expect(cache.evicted).toEqual(evicted);
  });

  test('the sum of weights never exceeds the bound, whatever the weights', () => {
    const random = seeded(7);
    const cache = new Cache(1000);
    for (let i = 0; i < 20_000; i++) {
      const id = Math.floor(random() ** 3 * 500);
      cache.access(`k${id}`, 1 + ((id * 37) % 400));
      if (i % 50 === 0) {
        const [first] = cache.items.values();
        if (first !== undefined) {
          cache.queues.remove(first);
          cache.items.delete(first.key);
        }
      }
      const sum = [...cache.items.values()].reduce((total, item) => total + item.weight, 0);
      expect(cache.queues.weight).toBe(sum);
      expect(sum).toBeLessThanOrEqual(1000);
    }
  });

  test('on a Zipf(0.99) trace it hits more than LRU at 1 % and 10 % of the keys', () => {
    for (const size of [100, 1000]) {
      const ours = new Cache(size);
      const lru = new Map<string, true>();
      const next = zipf(10_000, 0.99, seeded(42));
      let hits = 0;
      let lruHits = 0;
      for (let i = 0; i < 200_000; i++) {
        const key = next();
        if (ours.access(key)) hits++;
        if (lru.delete(key)) lruHits++;
        else if (lru.size >= size) lru.delete(lru.keys().next().value as string);
        lru.set(key, true);
      }
      expect(hits).toBeGreaterThan(lruHits * 1.02);
    }
  });

  test('clear and shrink give everything back', () => {
    const cache = new Cache(100);
    for (let i = 0; i < 300; i++) cache.access(`k${i}`);
    cache.queues.shrink(30);
    expect(cache.items.size).toBe(30);
    cache.queues.shrink(0);
    expect([cache.items.size, cache.queues.weight]).toEqual([0, 0]);
    cache.access('again');
    cache.queues.clear();
    expect(cache.queues.weight).toBe(0);
  });
});

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function zipf(keys: number, skew: number, random: () => number): () => string {
  const sums: number[] = [];
  let sum = 0;
  for (let i = 1; i <= keys; i++) {
    sum += 1 / i ** skew;
    sums.push(sum);
  }
  return () => {
    const wanted = random() * sum;
    let low = 0;
    let high = keys - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] as number) < wanted) low = middle + 1;
      else high = middle;
    }
    return `k${low}`;
  };
}
