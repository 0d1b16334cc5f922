import type { ResultFile, ScenarioResult } from '../results/result_file.ts';
import type { Terminal } from '../terminal/terminal.ts';
import type { VerdictKind } from '../verdict/verdict.ts';
import {
  criterionText,
  MARKS,
  measuredText,
  reasonText,
  subjectTable,
  verdictTable,
} from './rows.ts';
import { textTable } from './table.ts';

type Colors = Terminal['colors'];

/** One scenario as a block of lines: question, subjects, criteria. */
export function prettyScenario(scenario: ScenarioResult, colors: Colors): string[] {
  const paint = verdictPaint(colors);
  const { columns, rows } = subjectTable(scenario);
  const { warmupMs, durationMs, callers, connections } = scenario.params;
  return [
    '',
    `${colors.bold(scenario.id)}  ${scenario.question}`,
    colors.dim(
      `    ${callers} callers, ${connections} connections, ${warmupMs / 1000} + ${durationMs / 1000} s a round`,
    ),
    ...scenario.subjects.map(({ name, settings, notBuilt }) =>
      colors.dim(`    ${name}: ${notBuilt === undefined ? settings : `not built: ${notBuilt}`}`),
    ),
    ...(rows.length === 0 ? [] : textTable(columns, rows, colors.dim).map((line) => `    ${line}`)),
    ...scenario.criteria.map(
      (criterion) =>
        `    ${paint(criterion.verdict, MARKS[criterion.verdict])} ${criterionText(criterion)}: ${colors.bold(measuredText(criterion))}${
          criterion.reason === undefined ? '' : colors.dim(` (${criterion.reason})`)
        }`,
    ),
    ...(scenario.failure === undefined ? [] : [`    ${colors.red(scenario.failure)}`]),
  ];
}

/** The closing table and the tally. */
export function prettyVerdicts(result: ResultFile, colors: Colors): string[] {
  const paint = verdictPaint(colors);
  const { columns, rows } = verdictTable(result.scenarios);
  const lines = textTable(columns, rows, colors.dim);
  const painted = lines.map((line, i) => {
    const kind = result.scenarios[i - 1]?.verdict;
    return kind === undefined ? line : line.replace(/^\S+/, (mark) => paint(kind, mark));
  });
  const whys = result.scenarios
    .map((scenario) => ({ id: scenario.id, why: reasonText(scenario) }))
    .filter(({ why }) => why !== '');
  return [
    '',
    ...painted,
    ...(whys.length === 0 ? [] : ['', ...whys.map(({ id, why }) => colors.dim(`${id}: ${why}`))]),
    '',
    tally(result, colors),
  ];
}

export function environmentLines({ environment: e, seed, command }: ResultFile): string[] {
  const server = (name: string, s: typeof e.postgres): string[] =>
    s === undefined
      ? []
      : [
          `${name} ${s.version} (${s.source}; ${Object.entries(s.settings)
            .map(([k, v]) => `${k} ${v}`)
            .join(', ')})`,
        ];
  return [
    `Node ${e.node}, ${e.cpu}, ${e.cores} cores, ${e.memoryGb} GiB, load ${e.load.toFixed(2)}${e.commit === undefined ? '' : `, commit ${e.commit.slice(0, 10)}${e.dirty ? ' with changes' : ''}`}`,
    ...server('PostgreSQL', e.postgres),
    ...server('Redis', e.redis),
    Object.entries(e.packages)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
    `seed ${seed}; again: ${command}`,
  ];
}

function tally(result: ResultFile, colors: Colors): string {
  const count = (kind: VerdictKind): number =>
    result.scenarios.filter(({ verdict }) => verdict === kind).length;
  const parts = [
    colors.green(`${count('pass')} met`),
    colors.red(`${count('fail')} missed`),
    colors.yellow(`${count('inconclusive')} inconclusive`),
    `${count('not-built')} not built`,
    ...(count('skipped') > 0 ? [`${count('skipped')} skipped`] : []),
  ];
  return `${parts.join(', ')} of ${result.scenarios.length}${result.partial ? colors.red('  PARTIAL: interrupted') : ''}`;
}

function verdictPaint(colors: Colors): (kind: VerdictKind, text: string) => string {
  return (kind, text) =>
    kind === 'pass'
      ? colors.green(text)
      : kind === 'fail'
        ? colors.red(text)
        : kind === 'inconclusive'
          ? colors.yellow(text)
          : colors.dim(text);
}
