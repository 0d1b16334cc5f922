import type { ResultFile } from '../results/result_file.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { bencherFormat, githubActionFormat } from './exchange.ts';
import { markdownReport } from './markdown.ts';
import { environmentLines, prettyScenario } from './pretty.ts';
import { wrap } from './table.ts';
import { verdictLines } from './verdict_lines.ts';

export const FORMATS = ['pretty', 'json', 'ndjson', 'markdown', 'gha', 'bmf'] as const;

export type Format = (typeof FORMATS)[number];

/** The whole result in one text. `gha` is for github-action-benchmark, `bmf` for Bencher. */
export function renderResult(
  result: ResultFile,
  format: Format,
  terminal: Pick<Terminal, 'colors' | 'columns'>,
): string {
  switch (format) {
    case 'json':
      return JSON.stringify(result, undefined, 2);
    case 'ndjson':
      return ndjson(result).join('\n');
    case 'markdown':
      return markdownReport(result);
    case 'gha':
      return githubActionFormat(result);
    case 'bmf':
      return bencherFormat(result);
    case 'pretty':
      return [
        ...environmentLines(result)
          .flatMap((line) => wrap(line, terminal.columns))
          .map(terminal.colors.dim),
        '',
        ...result.scenarios.flatMap((scenario) => prettyScenario(scenario, terminal)),
        ...verdictLines(result, terminal),
      ].join('\n');
  }
}

/** A line a round, then a line a scenario, then one for the run: what a log can be searched by. */
function ndjson(result: ResultFile): string[] {
  const { scenarios, ...run } = result;
  return [
    ...scenarios.flatMap(({ subjects, ...scenario }) => [
      ...subjects.flatMap(({ name, rounds }) =>
        rounds.map(({ histogram: _, openHistogram: __, ...round }) =>
          JSON.stringify({ type: 'round', scenario: scenario.id, subject: name, ...round }),
        ),
      ),
      JSON.stringify({ type: 'scenario', ...scenario }),
    ]),
    JSON.stringify({ type: 'run', ...run }),
  ];
}
