import { METRICS, type MetricName } from '../measure/metric.ts';
import { isSignificant, mannWhitney, smallestPValue } from '../statistics/mann_whitney.ts';
import { median } from '../statistics/median.ts';
import { keyOf, type SampledCriterion } from './samples.ts';

/** One number of two runs, side by side. */
export interface Change {
  readonly scenario: string;
  readonly metric: MetricName;
  readonly subject: string;
  /** Where there is one, the numbers are ratios to it in the same run, which cancels the machine's mood. */
  readonly peer?: string;
  readonly before: number;
  readonly after: number;
  /** after / before - 1. */
  readonly change: number;
  /** Mann-Whitney, corrected for the number of comparisons (Holm). */
  readonly pValue: number;
  readonly verdict: 'better' | 'worse' | 'same' | 'too-few-rounds';
  readonly samples: readonly [number, number];
}

/** Within one machine and hour, a smaller change than this is not worth a word, however surely it is there. */
const SMALLEST_CHANGE = 0.03;

/** Below which relative change a number stands, however surely it moved. */
type SmallestChange = (criterion: Pick<Change, 'metric'>) => number;

/**
 * Compares two runs number by number: every criterion that both measured. A difference counts when it is at least
 * `smallestChange` (3 %) and its corrected p is at most 0.05; where so few rounds could never show one, that is what is said instead of "same".
 */
export function compareSamples(
  before: readonly SampledCriterion[],
  after: readonly SampledCriterion[],
  smallestChange: SmallestChange = () => SMALLEST_CHANGE,
): Change[] {
  const old = new Map(before.map((one) => [keyOf(one), one.samples]));
  const raw = after.flatMap(({ samples: b, ...criterion }): RawChange[] => {
    const a = old.get(keyOf(criterion));
    return a === undefined ? [] : [{ ...criterion, a, b, pValue: mannWhitney(a, b) }];
  });
  return decide(raw, smallestChange);
}

export type RawChange = Omit<Change, 'verdict' | 'change' | 'before' | 'after' | 'samples'> & {
  readonly a: readonly number[];
  readonly b: readonly number[];
};

/** Holm's step-down correction, then the verdicts. */
export function decide(
  raw: readonly RawChange[],
  smallestChange: SmallestChange = () => SMALLEST_CHANGE,
): Change[] {
  const byP = [...raw].sort((x, y) => x.pValue - y.pValue);
  const corrected = new Map<RawChange, number>();
  let running = 0;
  for (const [i, change] of byP.entries()) {
    running = Math.max(running, Math.min(1, change.pValue * (raw.length - i)));
    corrected.set(change, running);
  }
  return raw.map((item) => {
    const { a, b, ...rest } = item;
    const before = median(a);
    const after = median(b);
    const change = before === 0 ? (after === 0 ? 0 : Number.POSITIVE_INFINITY) : after / before - 1;
    const pValue = corrected.get(item) ?? 1;
    return {
      ...rest,
      before,
      after,
      change,
      pValue,
      samples: [a.length, b.length],
      verdict: verdictOf(item, change, pValue, raw.length, smallestChange),
    };
  });
}

function verdictOf(
  item: RawChange,
  change: number,
  pValue: number,
  comparisons: number,
  smallestChange: SmallestChange,
): Change['verdict'] {
  if (!isSignificant(pValue) || Math.abs(change) < smallestChange(item)) {
    const possible = isSignificant(smallestPValue(item.a.length, item.b.length) * comparisons);
    return possible || item.a.every((value) => item.b.includes(value)) ? 'same' : 'too-few-rounds';
  }
  const improved = METRICS[item.metric].better === 'higher' ? change > 0 : change < 0;
  return improved ? 'better' : 'worse';
}

export function hasRegression(changes: readonly Change[]): boolean {
  return changes.some(({ verdict }) => verdict === 'worse');
}
