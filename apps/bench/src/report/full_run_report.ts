import { type Criterion, type OptimizationReport, type Verdict, wanted } from '@fynlo/orchestrator';
import type { Terminal } from '../terminal/terminal.ts';
import { number } from './number.ts';
import { MARKS } from './rows.ts';
import { type Column, markdownTable, textTable } from './table.ts';

const VERDICT_MARKS: Readonly<Record<Verdict, string>> = { ...MARKS, skipped: '-' };

const COLUMNS: readonly Column[] = [
  { title: '' },
  { title: 'criterion' },
  { title: 'wanted' },
  { title: 'measured' },
  { title: 'samples', align: 'right' },
  { title: 'verdict' },
];

/** The verdict table of the full run, with the reason of every verdict that is not a plain pass. */
export function fullRunLines(report: OptimizationReport, colors: Terminal['colors']): string[] {
  const paint: Record<Verdict, (text: string) => string> = {
    pass: colors.green,
    fail: colors.red,
    inconclusive: colors.yellow,
    skipped: colors.dim,
  };
  const rows = report.criteria.map((criterion) => {
    const [mark = '', ...cells] = criterionRow(criterion);
    const verdict = cells.pop() ?? '';
    const painted = paint[criterion.verdict];
    return [painted(mark), ...cells, painted(verdict)];
  });
  const unsettled = report.criteria.filter(({ verdict }) => verdict !== 'pass');
  return [
    ...textTable(COLUMNS, rows, colors.dim),
    ...(unsettled.length === 0 ? [] : ['']),
    ...unsettled.map(
      ({ id, verdict, reason }) =>
        `${paint[verdict](`${VERDICT_MARKS[verdict]} ${id}`)}: ${reason}`,
    ),
    '',
    ...report.analysis.map(({ scenario, text }) => `${colors.dim(scenario.padEnd(9))} ${text}`),
    ...(report.recommendations.length === 0 ? [] : ['', colors.bold('Recommendations')]),
    ...report.recommendations.map(({ setting, value, why }) => `  ${setting} = ${value}: ${why}`),
    '',
    paint[report.verdict](tally(report)),
  ];
}

export function fullRunMarkdown(report: OptimizationReport): string {
  return [
    `# Connection pool optimisation: ${report.verdict}`,
    '',
    ...markdownTable(
      [...COLUMNS, { title: 'reason' }],
      report.criteria.map((c) => [...criterionRow(c), c.reason]),
    ),
    '',
    ...report.analysis.map(({ text }) => `- ${text}`),
    '',
    `${tally(report)} Seed ${report.seed}.`,
    '',
  ].join('\n');
}

function criterionRow(criterion: Criterion): string[] {
  const { metric, statistic, measured, unit, samples, verdict } = criterion;
  return [
    VERDICT_MARKS[verdict],
    `${metric} (${statistic})`,
    wanted(criterion),
    measured === null ? '-' : `${number(measured)} ${unit}`.trim(),
    number(samples),
    verdict,
  ];
}

function tally({ criteria, verdict, partial, scorePercent }: OptimizationReport): string {
  const count = (wantedVerdict: Verdict): number =>
    criteria.filter((criterion) => criterion.verdict === wantedVerdict).length;
  const score = scorePercent === null ? '' : ` Score ${number(scorePercent)} %.`;
  return `${partial ? 'PARTIAL (interrupted). ' : ''}Verdict: ${verdict}. ${count('pass')} passed, ${count('fail')} failed, ${count('inconclusive')} inconclusive, ${count('skipped')} skipped.${score}`;
}
