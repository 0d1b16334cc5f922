/** When a measured variant is better than another. Pure. */

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? 0)) / 2;
}

const WORTH = 1.05;

/**
 * Rounds are pairs: the n-th of both was measured under much the same load of the machine. A challenger must be 5 % better by median and
 * better in more than half of the pairs: changing what works has a price.
 */
export function beats(challenger: readonly number[], holder: readonly number[]): boolean {
  const won = challenger.filter(
    (value, i) => value > (holder[i] ?? Number.POSITIVE_INFINITY),
  ).length;
  return median(challenger) > median(holder) * WORTH && won * 2 > challenger.length;
}
