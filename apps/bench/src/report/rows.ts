import { METRICS, type MetricName } from '../measure/metric.ts';
import type { ScenarioResult, SubjectResult } from '../results/result_file.ts';
import { median } from '../statistics/median.ts';
import type { CriterionVerdict, VerdictKind } from '../verdict/verdict.ts';
import { number, ratio, withUnit } from './number.ts';
import type { Column } from './table.ts';

/** What every rendering of a result (terminal, Markdown, HTML) shows, as rows of plain text. */

export const MARKS: Readonly<Record<VerdictKind, string>> = {
  pass: '✓',
  fail: '✗',
  inconclusive: '?',
  'not-built': '·',
  skipped: '-',
};

/** Columns that most scenarios report, in the order shown; a scenario's criteria add theirs. */
const USUAL: readonly MetricName[] = [
  'opsPerSecond',
  'p50Ms',
  'p99Ms',
  'lagP99Ms',
  'waitP50Ms',
  'useP50Ms',
  'createP50Ms',
  'cpuMicrosPerOp',
  'bytesPerOp',
  'rssPeakMb',
  'connectionsOpened',
  'serverConnectionsPeak',
  'errors',
];

export function medianOf(subject: SubjectResult, metric: MetricName): number | undefined {
  const values = subject.rounds.flatMap(({ metrics }) => metrics[metric] ?? []);
  return values.length === 0 ? undefined : median(values);
}

function shownMetrics(scenario: ScenarioResult): MetricName[] {
  const wanted = [...new Set([...scenario.criteria.map((c) => c.criterion.metric), ...USUAL])];
  return wanted.filter((metric) =>
    scenario.subjects.some((subject) => medianOf(subject, metric) !== undefined),
  );
}

/** One row a subject: its medians. */
export function subjectTable(scenario: ScenarioResult): { columns: Column[]; rows: string[][] } {
  const metrics = shownMetrics(scenario);
  const title = (metric: MetricName): string => {
    const { unit } = METRICS[metric];
    const name = metric
      .replace(/(Ms|Mb)$/, '')
      .replace(/^cpuMicrosPerOp$/, 'cpu/op')
      .replace(/^bytesPerOp$/, 'heap/op');
    return unit === '' ? name : metric === 'opsPerSecond' ? 'ops/s' : `${name} ${unit}`;
  };
  return {
    columns: [
      { title: 'subject' },
      ...metrics.map((metric) => ({ title: title(metric), align: 'right' as const })),
      { title: 'rounds', align: 'right' },
    ],
    rows: scenario.subjects
      .filter(({ rounds }) => rounds.length > 0)
      .map((subject) => [
        subject.name,
        ...metrics.map((metric) => number(medianOf(subject, metric))),
        String(subject.rounds.length),
      ]),
  };
}

/** `ops/s >= 1.05x pg.Pool` */
export function criterionText({ criterion }: CriterionVerdict): string {
  const { metric, subject, peer, op, bound } = criterion;
  const against = peer === undefined ? withUnit(metric, bound) : `${number(bound)}x ${peer}`;
  return `${subject} ${METRICS[metric].meaning} ${op} ${against}`;
}

/** `1.07x [1.04, 1.09]  p 0.008` */
export function measuredText(verdict: CriterionVerdict): string {
  const { criterion, measured, low, high, pValue } = verdict;
  if (measured === undefined) return '-';
  const one = criterion.peer === undefined ? withUnit(criterion.metric, measured) : ratio(measured);
  const spread = verdict.samples > 1 ? ` [${number(low)}, ${number(high)}]` : '';
  // benchstat's sign: this difference may be chance.
  const chance = pValue !== undefined && pValue > 0.05 ? ' ~' : '';
  return `${one}${spread}${chance}`;
}

export function reasonText(scenario: ScenarioResult): string {
  if (scenario.failure !== undefined) return scenario.failure.split('\n')[0] ?? '';
  const reasons = scenario.criteria
    .filter(({ verdict }) => verdict === scenario.verdict)
    .flatMap(({ reason }) => reason ?? []);
  return [...new Set(reasons)].join('; ');
}

/** One row a scenario: target, measured, peer, verdict. */
export function verdictTable(scenarios: readonly ScenarioResult[]): {
  columns: Column[];
  rows: string[][];
} {
  return {
    columns: [
      { title: '' },
      { title: 'id' },
      { title: 'target' },
      { title: 'measured' },
      { title: 'peer' },
      { title: 'verdict' },
    ],
    rows: scenarios.map((scenario) => [
      MARKS[scenario.verdict],
      scenario.id,
      scenario.target,
      scenario.criteria.map(measuredText).join('; '),
      [...new Set(scenario.criteria.flatMap(({ criterion }) => criterion.peer ?? []))].join(', '),
      scenario.verdict === 'not-built' ? 'not built' : scenario.verdict,
    ]),
  };
}
