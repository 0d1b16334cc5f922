import { seededRandom, zipf } from '@fynlo/orchestrator/measurement';
import { expect, test } from 'vitest';
import { arc, type EvictionPolicy, hitsOf, lru, optimalHits, s3Fifo } from './eviction_policies.ts';

const SEED = 11;
const POLICIES = [lru, arc, s3Fifo];

function zipfTrace(length: number, keys: number, exponent: number): Uint32Array {
  const draw = zipf(keys, exponent, seededRandom(SEED));
  return Uint32Array.from({ length }, draw);
}

/** Which requests of a trace are hits. */
const hitsAt = ({ make }: EvictionPolicy, capacity: number, trace: number[]): number[] => {
  const access = make(capacity);
  return trace.flatMap((key, i) => (access(key) ? [i] : []));
};

test('LRU drops what was not used for the longest time', () => {
  expect(hitsAt(lru, 2, [1, 2, 1, 3, 2, 1])).toEqual([2]);
  expect(hitsAt(lru, 2, [1, 2, 1, 3, 1])).toEqual([2, 4]);
});

test('ARC keeps what was used twice through a scan that LRU loses it to', () => {
  const scan = [1, 2, 1, 2, ...Array.from({ length: 20 }, (_, i) => 100 + i), 1, 2];
  expect(hitsAt(lru, 4, scan)).toEqual([2, 3]);
  expect(hitsAt(arc, 4, scan)).toEqual([2, 3, 24, 25]);
});

test('S3-FIFO lets what returns after its eviction straight into the main queue', () => {
  // Capacity 10: one place in the small queue, nine in main.
  const once = Array.from({ length: 12 }, (_, i) => 100 + i);
  const trace = [1, ...once, 1, ...once.map((key) => key + 100), 1];
  expect(hitsAt(s3Fifo, 10, trace).at(-1)).toBe(trace.length - 1);
  expect(hitsAt(lru, 10, trace)).toEqual([]);
});

test.each(POLICIES)('$name never holds more than its capacity', (policy) => {
  // Every key of a cycle longer than the cache comes back only after all others.
  const cycle = Uint32Array.from({ length: 3000 }, (_, i) => i % 60);
  expect(hitsOf(policy, cycle, 50)).toBeLessThanOrEqual(optimalHits(cycle, 50));
  expect(hitsOf(policy, cycle, 60)).toBe(3000 - 60);
});

test('optimalHits() is what trying everything finds', () => {
  const random = seededRandom(SEED);
  for (let i = 0; i < 50; i++) {
    const trace = Uint32Array.from({ length: 9 }, () => Math.floor(random() * 4));
    expect(optimalHits(trace, 2), `seed ${SEED}, trace ${trace}`).toBe(bestOf(trace, 2));
  }
});

test('no policy beats the one that knows the future, and ARC and S3-FIFO beat LRU on Zipf', () => {
  const trace = zipfTrace(60_000, 20_000, 0.99);
  for (const capacity of [100, 400, 2000]) {
    const best = optimalHits(trace, capacity);
    const [lruHits = 0, ...others] = POLICIES.map((policy) => hitsOf(policy, trace, capacity));
    for (const hits of others) {
      expect(hits).toBeLessThan(best);
      expect(hits).toBeGreaterThan(lruHits);
    }
  }
});

/** The most hits, by trying after each request every set of keys that may be kept. */
function bestOf(trace: Uint32Array, capacity: number): number {
  const best = (at: number, kept: readonly number[]): number => {
    const key = trace[at];
    if (key === undefined) return 0;
    const hit = kept.includes(key) ? 1 : 0;
    const there = [...new Set([...kept, key])];
    const choices =
      there.length <= capacity ? [there] : there.map((gone) => there.filter((k) => k !== gone));
    return hit + Math.max(...choices.map((choice) => best(at + 1, choice)));
  };
  return best(0, []);
}
