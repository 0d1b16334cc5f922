import { seededRandom } from '@fynlo/orchestrator/measurement';
import { expect, test } from 'vitest';
import { type Change, compareSamples } from './compare.ts';
import type { SampledCriterion } from './samples.ts';

const SEED = 7;
const COMPARISONS = 200;

const random = seededRandom(SEED);

/** A standard normal number (Box-Muller). */
function normal(): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Rounds as a shared machine gives them: a few per cent of noise, and now and then one that is far off. */
function rounds(value: number, count: number, noise: number): number[] {
  return Array.from(
    { length: count },
    () => value * Math.exp(noise * normal()) * (random() < 0.05 ? 0.7 : 1),
  );
}

/** Two runs of so many numbers, of which the first is `slowdown` worse in the second. */
function twoRuns(
  numbers: number,
  count: number,
  noise: number,
  slowdown: number,
): readonly [SampledCriterion[], SampledCriterion[]] {
  const run = (share: number): SampledCriterion[] =>
    Array.from({ length: numbers }, (_, i) => ({
      scenario: `P${i}`,
      metric: 'opsPerSecond',
      subject: 'ours',
      peer: 'theirs',
      samples: rounds(i === 0 ? share : 1, count, noise),
    }));
  return [run(1), run(1 - slowdown)];
}

/** Of many comparisons, the share of which that is true. */
function shareOf(
  isSo: (changes: readonly Change[]) => boolean,
  ...runs: Parameters<typeof twoRuns>
): number {
  let count = 0;
  for (let i = 0; i < COMPARISONS; i++) if (isSo(compareSamples(...twoRuns(...runs)))) count++;
  return count / COMPARISONS;
}

/** What a share that is truly 5 % may come out as in so many comparisons: three standard deviations. */
const FIVE_PER_CENT = 0.05 + 3 * Math.sqrt((0.05 * 0.95) / COMPARISONS);

const anyDiffers = (changes: readonly Change[]): boolean =>
  changes.some(({ verdict }) => verdict === 'worse' || verdict === 'better');
const firstIsWorse = ([first]: readonly Change[]): boolean => first?.verdict === 'worse';

test.each([
  [1, 5, 0.05],
  [6, 5, 0.05],
  [6, 10, 0.03],
  [6, 10, 0.1],
  [60, 10, 0.05],
  [60, 20, 0.1],
])(
  'of comparisons of the same code, %i numbers of %i rounds with a noise of %f, at most one in twenty sees a difference',
  (numbers, count, noise) => {
    expect(shareOf(anyDiffers, numbers, count, noise, 0)).toBeLessThanOrEqual(FIVE_PER_CENT);
  },
);

test.each([
  [6, 10, 0.03, 0.1],
  [6, 10, 0.05, 0.15],
  [60, 20, 0.03, 0.1],
  [60, 20, 0.05, 0.15],
])(
  'of comparisons of %i numbers, %i rounds each with a noise of %f, nine in ten see a number that is worse by %f',
  (numbers, count, noise, slowdown) => {
    expect(shareOf(firstIsWorse, numbers, count, noise, slowdown)).toBeGreaterThanOrEqual(0.9);
  },
);
