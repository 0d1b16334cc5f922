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
    { [unit === 'x' ? 'ratio' : unit]: { value, lower_value: low, upper_value: high } },
  ]);
  return JSON.stringify(Object.fromEntries(entries), undefined, 2);
}

/**
 * What github-action-benchmark reads. It wants one direction for a whole file, so numbers of which more is better are
 * given inverted, and say so in their unit: the tool is `customSmallerIsBetter`.
 */
export function githubActionFormat(result: ResultFile): string {
  const rows = series(result).map(({ name, unit, better, value, low, high }) => ({
    name,
    unit: better === 'lower' ? unit : `1 / (${unit})`,
    value: better === 'lower' ? value : 1 / value,
    ...(low === undefined || high === undefined ? {} : { range: `${low}..${high}` }),
  }));
  return JSON.stringify(rows, undefined, 2);
}
