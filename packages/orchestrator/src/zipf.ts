import type { Random } from './seeded_random.ts';

/**
 * Ranks 0 … `size` − 1 with probability ∝ 1 / (rank + 1)^`exponent`, by inversion of the cumulated distribution: exact
 * for every exponent, a binary search per draw. (YCSB's generator is faster and only approximate below 1.)
 */
export function zipf(size: number, exponent: number, random: Random): () => number {
  const cumulated = new Float64Array(size);
  let sum = 0;
  for (let rank = 0; rank < size; rank++) {
    sum += 1 / (rank + 1) ** exponent;
    cumulated[rank] = sum;
  }
  return () => {
    const wanted = random() * sum;
    let low = 0;
    let high = size - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((cumulated[middle] ?? sum) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
