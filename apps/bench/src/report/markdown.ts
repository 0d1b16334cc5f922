import type { ResultFile } from '../results/result_file.ts';
import { environmentLines } from './pretty.ts';
import {
  conditions,
  criterionText,
  elsewhereLines,
  MARKS,
  measuredText,
  reasonText,
  settingsLines,
  subjectTables,
  verdictTable,
} from './rows.ts';
import { markdownTable } from './table.ts';

/** The whole result as Markdown: what `--format markdown` prints and what a pull request may show. */
export function markdownReport(result: ResultFile): string {
  const verdicts = verdictTable(result);
  const lines = [
    `# Benchmark${result.partial ? ` (partial: ${result.pending.length} not measured)` : ''}`,
    '',
    ...markdownTable(verdicts.columns, verdicts.rows),
    '',
    ...elsewhereLines(result).flatMap((line) => [line.replace('*', '\\*'), '']),
  ];
  for (const scenario of result.scenarios) {
    const reason = reasonText(scenario);
    lines.push(
      `## ${scenario.id} ${scenario.question}`,
      '',
      conditions(scenario),
      '',
      ...scenario.criteria.map(
        (criterion) =>
          `- ${MARKS[criterion.verdict]} ${criterionText(criterion)}: **${measuredText(criterion)}**`,
      ),
      ...(reason === '' ? [] : [`- ${reason}`]),
      '',
      ...subjectTables(scenario).flatMap(({ columns, rows }) => [
        ...markdownTable(columns, rows),
        '',
      ]),
      ...settingsLines(scenario).map((line) => `- ${line}`),
      '',
    );
  }
  return [
    ...lines,
    '## Environment',
    '',
    ...environmentLines(result).map((line) => `- ${line}`),
    '',
  ].join('\n');
}
