import type { EarlierRun, ResultFile, ScenarioResult } from '../results/result_file.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { number } from './number.ts';
import {
  MARKS,
  measuredParts,
  reasonText,
  settingsLines,
  shortName,
  subjectTable,
  wantedText,
} from './rows.ts';
import { textTable, visibleLength } from './table.ts';
import { verdictPaint } from './verdict_lines.ts';

type Colors = Terminal['colors'];

const INDENT = '    ';

/** One scenario as a block of lines: question, subjects, criteria, settings. */
export function prettyScenario(
  scenario: ScenarioResult,
  { colors, columns }: Pick<Terminal, 'colors' | 'columns'>,
): string[] {
  const paint = verdictPaint(colors);
  const { subject } = scenario.criteria[0]?.criterion ?? {};
  const several = scenario.criteria.some(({ criterion }) => criterion.subject !== subject);
  const reason = scenario.failure === undefined ? reasonText(scenario) : '';
  const wrapped = (text: string): string[] =>
    wrap(text, columns - INDENT.length - 2).map((line, i) =>
      colors.dim(`${INDENT}${i === 0 ? '' : '  '}${line}`),
    );
  return [
    '',
    `${colors.bold(scenario.id.padEnd(3))} ${colors.bold(scenario.question)}`,
    ...wrapped(conditions(scenario)),
    ...subjectLines(scenario, colors, columns - INDENT.length),
    ...scenario.criteria.map((judged) => {
      const { criterion, verdict } = judged;
      const what = `${several ? `${criterion.subject} ` : ''}${shortName(criterion.metric)}`;
      const { value, spread } = measuredParts(judged);
      return `${INDENT}${paint(verdict, MARKS[verdict])} ${what} ${colors.bold(value)}${colors.dim(spread === '' ? '' : ` ${spread}`)}, wanted ${wantedText(criterion)}`;
    }),
    ...(reason === '' ? [] : wrapped(reason)),
    ...settingsLines(scenario).flatMap(wrapped),
    ...(scenario.failure ?? '')
      .split('\n')
      .flatMap((line) => (line === '' ? [] : [`${INDENT}${colors.red(line)}`])),
  ];
}

/** How it was asked: load, times, rounds. What is not true of a scenario is left out. */
function conditions({ params, subjects, tookMs }: ScenarioResult): string {
  const { callers, connections, ratePerSecond, warmupMs, durationMs } = params;
  const rounds = Math.max(...subjects.map((subject) => subject.rounds.length));
  return [
    ...(callers > 1 && ratePerSecond === undefined ? [`${number(callers)} callers`] : []),
    ...(ratePerSecond === undefined ? [] : [`open loop, ${number(ratePerSecond)}/s`]),
    ...(connections > 1 ? [`${connections} connections`] : []),
    `${rounds} ${rounds === 1 ? 'round' : 'rounds'}${durationMs === 0 ? '' : ` of ${warmupMs / 1000} + ${durationMs / 1000} s`}`,
    `took ${number(Math.round(tookMs / 1000))} s`,
  ].join(', ');
}

/** The table of subjects; columns that the line has no room for are left out, those of the verdict last. */
function subjectLines(scenario: ScenarioResult, colors: Colors, room: number): string[] {
  const { columns, rows } = subjectTable(scenario);
  if (rows.length === 0) return [];
  for (let shown = columns.length; ; shown--) {
    const lines = textTable(
      columns.slice(0, shown),
      rows.map((row) => row.slice(0, shown)),
      colors.dim,
    );
    if (shown <= 2 || lines.every((line) => visibleLength(line) <= room)) {
      return lines.map((line) => INDENT + line);
    }
  }
}

/** Lines of at most `room` characters, cut at spaces. */
function wrap(text: string, room: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line);
      line = '';
    }
    line += line === '' ? word : ` ${word}`;
  }
  return [...lines, line];
}

/** Where and on what it was measured, and how to repeat it. */
export function environmentLines(result: ResultFile): string[] {
  const { environment: e, seed, command, earlier = [] } = result;
  const server = (name: string, s: typeof e.postgres): string[] =>
    s === undefined
      ? []
      : [
          `${name} ${s.version} (${s.source}; ${Object.entries(s.settings)
            .map(([k, v]) => `${k} ${v}`)
            .join(', ')})`,
        ];
  return [
    machine(e),
    ...server('PostgreSQL', e.postgres),
    ...server('Redis', e.redis),
    Object.entries(e.packages)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
    `seed ${seed}; again: ${command}`,
    ...earlier.map(
      (run) => `${run.rows.join(' ')}: measured ${minute(run)} on ${machine(run.environment)}`,
    ),
  ];
}

function machine(e: ResultFile['environment']): string {
  const commit =
    e.commit === undefined
      ? ''
      : `, commit ${e.commit.slice(0, 10)}${e.dirty ? ' with changes' : ''}`;
  return `Node ${e.node}, ${e.cpu}, ${e.cores} cores, ${e.memoryGb} GiB, load ${e.load.toFixed(2)}${commit}`;
}

function minute({ startedAt }: Pick<EarlierRun, 'startedAt'>): string {
  return startedAt.slice(0, 16).replace('T', ' ');
}
