import { commitText } from '../measure/environment.ts';
import type { EarlierRun, ResultFile, ScenarioResult } from '../results/result_file.ts';
import type { Terminal } from '../terminal/terminal.ts';
import {
  conditions,
  MARKS,
  measuredParts,
  reasonText,
  settingsLines,
  shortName,
  subjectTables,
  type Table,
  wantedText,
} from './rows.ts';
import { textTable, visibleLength, wrap } from './table.ts';
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
    ...wrap(scenario.question, columns - INDENT.length).map((line, i) =>
      colors.bold(`${(i === 0 ? scenario.id : '').padEnd(INDENT.length)}${line}`),
    ),
    ...wrapped(conditions(scenario)),
    ...subjectTables(scenario).flatMap((table) =>
      subjectLines(table, colors, columns - INDENT.length),
    ),
    ...scenario.criteria.map((judged) => {
      const { criterion, verdict } = judged;
      const what = `${several ? `${criterion.subject} ` : ''}${shortName(criterion.metric, scenario.params)}`;
      const { value, spread } = measuredParts(judged);
      return `${INDENT}${paint(verdict, MARKS[verdict])} ${what} ${colors.bold(value)}${colors.dim(spread === '' ? '' : ` ${spread}`)}, wanted ${wantedText(criterion)}`;
    }),
    ...(reason === '' ? [] : wrapped(reason)),
    ...settingsLines(scenario).flatMap(wrapped),
    ...(scenario.failure ?? '')
      .split('\n')
      .flatMap((line) => (line === '' ? [] : [`${INDENT}${colors.red(line)}`])),
    '',
  ];
}

/** A table of subjects; columns that the line has no room for are left out, those of the verdict last. */
function subjectLines({ columns, rows }: Table, colors: Colors, room: number): string[] {
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
    ...earlierLines(earlier),
  ];
}

/** Runs on the same machine and code stand together: a table made in portions has one line, not one a portion. */
function earlierLines(earlier: readonly EarlierRun[]): string[] {
  const places = new Map<string, EarlierRun[]>();
  for (const run of earlier) {
    const place = machine({ ...run.environment, load: 0 });
    places.set(place, [...(places.get(place) ?? []), run]);
  }
  return [...places.values()].map((runs) => {
    const rows = runs.flatMap((run) => run.rows).join(' ');
    const times = [...new Set([runs[0], runs.at(-1)].flatMap((run) => (run ? minute(run) : [])))];
    const loads = runs.map(({ environment }) => environment.load);
    return `${rows}: measured ${times.join(' to ')} on ${machine({ ...(runs[0] as EarlierRun).environment, load: Math.max(...loads) })}`;
  });
}

function machine(e: ResultFile['environment']): string {
  const commit = commitText(e);
  return `Node ${e.node}, ${e.cpu}, ${e.cores} cores, ${e.memoryGb} GiB, load ${e.load.toFixed(2)}${commit === undefined ? '' : `, commit ${commit}`}`;
}

function minute({ startedAt }: Pick<EarlierRun, 'startedAt'>): string {
  return startedAt.slice(0, 16).replace('T', ' ');
}
