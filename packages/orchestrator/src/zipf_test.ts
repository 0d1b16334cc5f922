import { describe, expect, it } from 'vitest';
import { exponential, seededRandom } from './seeded_random.ts';
import { zipf } from './zipf.ts';

describe('workload randomness', () => {
  it('repeats with the seed and differs without it', () => {
    const draw = (seed: number) => Array.from({ length: 20 }, seededRandom(seed));
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it('spaces arrivals by the mean it was given', () => {
    const random = seededRandom(3);
    let sum = 0;
    for (let i = 0; i < 50_000; i++) sum += exponential(random, 4);
    expect(sum / 50_000).toBeCloseTo(4, 1);
  });

  it('draws rank 0 as often as Zipf says, and every rank in range', () => {
    const size = 1000;
    const next = zipf(size, 0.99, seededRandom(11));
    const counts = new Array<number>(size).fill(0);
    for (let i = 0; i < 200_000; i++) {
      const rank = next();
      counts[rank] = (counts[rank] ?? 0) + 1;
    }
    expect(counts).toHaveLength(size);
    expect(counts.reduce((a, b) => a + b, 0)).toBe(200_000);
    let harmonic = 0;
    for (let rank = 1; rank <= size; rank++) harmonic += 1 / rank ** 0.99;
    expect((counts[0] ?? 0) / 200_000).toBeCloseTo(1 / harmonic, 2);
    expect((counts[0] ?? 0) / (counts[9] ?? 1)).toBeGreaterThan(8);
  });
});
