import { METRICS, type MetricName } from '../measure/metric.ts';
import type { ResultFile } from '../results/result_file.ts';

/** What a criterion measured, under a name that stays the same from run to run. */
interface Series {
  readonly name: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  readonly value: number;
  readonly low: number | undefined;
  readonly high: number | undefined;
}

/**
 * Every criterion with a number is one series; ratios where there is a peer, since absolute numbers of a shared runner
 * say more about the runner.
 */
function series(result: ResultFile): Series[] {
  return result.scenarios.flatMap(({ id, criteria }) =>
    criteria.flatMap(({ criterion, measured, low, high }) => {
      if (measured === undefined || !Number.isFinite(measured)) return [];
      const { metric, subject, peer } = criterion;
      const name = `${id} ${metric} ${subject}${peer === undefined ? '' : ` / ${peer}`}`;
      const unit = peer === undefined ? METRICS[metric].unit || 'count' : 'x';
      return [
        { name, unit, better: METRICS[metric as MetricName].better, value: measured, low, high },
      ];
    }),
  );
}

/** Bencher Metric Format: `{ name: { measure: { value, lower_value, upper_value } } }`. */
export function bencherFormat(result: ResultFile): string {
  const entries = series(result).map(({ name, unit, value, low, high }) => [
    name,
    {
      [unit === 'x' ? 'ratio' : unit]: {
        value,
        ...(isNumber(low) ? { lower_value: low } : {}),
        ...(isNumber(high) ? { upper_value: high } : {}),
      },
    },
  ]);
  return JSON.stringify(Object.fromEntries(entries), undefined, 2);
}

/**
 * What github-action-benchmark reads. It wants one direction for a whole file, so numbers of which more is better are
 * given inverted, and say so in their unit: the tool is `customSmallerIsBetter`.
 */
export function githubActionFormat(result: ResultFile): string {
  const rows = series(result).flatMap(({ name, unit, better, value, low, high }) => {
    const [shown, from, to] =
      better === 'lower' ? [value, low, high] : [1 / value, inverse(high), inverse(low)];
    // Nothing of which more is better: its inverse is no number, and JSON would have null.
    if (!Number.isFinite(shown)) return [];
    return {
      name,
      unit: better === 'lower' ? unit : `1 / (${unit})`,
      value: shown,
      ...(isNumber(from) && isNumber(to) ? { range: `${from}..${to}` } : {}),
    };
  });
  return JSON.stringify(rows, undefined, 2);
}

function inverse(value: number | undefined): number | undefined {
  return value === undefined ? undefined : 1 / value;
}

function isNumber(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value);
}
