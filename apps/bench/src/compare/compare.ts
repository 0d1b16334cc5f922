import { METRICS, type MetricName } from '../measure/metric.ts';
import type { ResultFile, ScenarioResult } from '../results/result_file.ts';
import { mannWhitney } from '../statistics/mann_whitney.ts';
import { median } from '../statistics/median.ts';

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

/** A smaller change than this is not worth a word, however surely it is there. */
const SMALLEST_CHANGE = 0.03;
const ALPHA = 0.05;

/**
 * Compares two results number by number: every criterion that both measured. A difference counts when it is at least
 * 3 % and its corrected p is at most 0.05; where so few rounds could never show one, that is what is said instead of
 * "same".
 */
export function compareResults(before: ResultFile, after: ResultFile): Change[] {
  const raw = after.scenarios.flatMap((scenario) => {
    const old = before.scenarios.find(({ id }) => id === scenario.id);
    return old === undefined ? [] : compareScenario(old, scenario);
  });
  return decide(raw);
}

export type RawChange = Omit<Change, 'verdict' | 'change' | 'before' | 'after' | 'samples'> & {
  readonly a: readonly number[];
  readonly b: readonly number[];
};

function compareScenario(before: ScenarioResult, after: ScenarioResult): RawChange[] {
  const seen = new Set<string>();
  return after.criteria.flatMap(({ criterion: { metric, subject, peer } }) => {
    const key = `${metric} ${subject} ${peer}`;
    if (seen.has(key)) return [];
    seen.add(key);
    const a = samples(before, metric, subject, peer);
    const b = samples(after, metric, subject, peer);
    if (a.length === 0 || b.length === 0) return [];
    const pValue = mannWhitney(a, b);
    return [
      {
        scenario: after.id,
        metric,
        subject,
        ...(peer === undefined ? {} : { peer }),
        pValue,
        a,
        b,
      },
    ];
  });
}

function samples(
  scenario: ScenarioResult,
  metric: MetricName,
  subject: string,
  peer: string | undefined,
): number[] {
  const rounds = (name: string) =>
    new Map(
      (scenario.subjects.find((s) => s.name === name)?.rounds ?? []).map((r) => [
        r.round,
        r.metrics[metric],
      ]),
    );
  const ours = rounds(subject);
  const theirs = peer === undefined ? undefined : rounds(peer);
  return [...ours].flatMap(([round, value]) => {
    if (value === undefined) return [];
    if (theirs === undefined) return [value];
    const other = theirs.get(round);
    return other === undefined || other === 0 ? [] : [value / other];
  });
}

/** Holm's step-down correction, then the verdicts. */
export function decide(raw: readonly RawChange[]): Change[] {
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
      verdict: verdictOf(item, change, pValue, raw.length),
    };
  });
}

function verdictOf(
  item: RawChange,
  change: number,
  pValue: number,
  comparisons: number,
): Change['verdict'] {
  if (pValue > ALPHA || Math.abs(change) < SMALLEST_CHANGE) {
    const possible = smallestP(item.a.length, item.b.length) * comparisons <= ALPHA;
    return possible || item.a.every((value) => item.b.includes(value)) ? 'same' : 'too-few-rounds';
  }
  const improved = METRICS[item.metric].better === 'higher' ? change > 0 : change < 0;
  return improved ? 'better' : 'worse';
}

/** What fully separated samples of these sizes would give. */
function smallestP(n: number, m: number): number {
  let arrangements = 1;
  for (let i = 1; i <= n; i++) arrangements = (arrangements * (m + i)) / i;
  return 2 / arrangements;
}

export function hasRegression(changes: readonly Change[]): boolean {
  return changes.some(({ verdict }) => verdict === 'worse');
}
