import type { ResultFile, ScenarioResult } from '../results/result_file.ts';
import { SCENARIOS } from '../scenario/catalog.ts';
import type { ScenarioGroup } from '../scenario/scenario.ts';
import type { Terminal } from '../terminal/terminal.ts';
import type { CriterionVerdict, VerdictKind } from '../verdict/verdict.ts';
import { withUnit } from './number.ts';
import {
  ELSEWHERE,
  elsewhereLines,
  MARKS,
  measuredParts,
  reasonText,
  shortName,
  tally,
  wantedText,
} from './rows.ts';
import { type Column, textTable, visibleLength, wrap } from './table.ts';

type Colors = Terminal['colors'];

const GROUPS: Readonly<Record<ScenarioGroup, string>> = {
  pool: 'Pool',
  cache: 'Cache',
  guard: 'Guard and optimizer',
  start: 'Start and size',
};

const COLUMNS: readonly Column[] = [
  { title: '' },
  { title: '' },
  { title: 'target' },
  { title: 'number' },
  { title: 'measured', align: 'right' },
  { title: 'spread' },
  { title: 'wanted' },
  { title: 'peer', align: 'right' },
];

/** The closing table: a line a criterion, by groups, why a row has no plain verdict, and the tally. */
export function verdictLines(
  result: ResultFile,
  { colors, columns }: Pick<Terminal, 'colors' | 'columns'>,
): string[] {
  const paint = verdictPaint(colors);
  const blocks = result.scenarios.map((scenario) => ({
    group: SCENARIOS.find(({ id }) => id === scenario.id)?.group,
    rows: scenarioRows(scenario, colors),
  }));
  // One table for the widths, cut into groups afterwards.
  const [title = '', ...lines] = narrowed(
    blocks.flatMap(({ rows }) => rows),
    colors,
    columns,
  );
  const grouped: string[] = [];
  let group: ScenarioGroup | undefined;
  for (const block of blocks) {
    if (block.group !== group && block.group !== undefined) {
      grouped.push('', colors.bold(GROUPS[block.group]));
    }
    group = block.group;
    grouped.push(...lines.splice(0, block.rows.length));
  }
  return [
    ...(result.scenarios.length === 0 ? [] : [title]),
    ...grouped,
    ...(result.pending.length === 0
      ? []
      : ['', colors.dim(`Not measured: ${result.pending.map(({ id }) => id).join(' ')}`)]),
    ...whyLines(result, paint, colors),
    ...wrappedNotes(elsewhereLines(result), columns).map((line) => paint('inconclusive', line)),
    '',
    tallyLine(result, paint, colors),
  ];
}

function scenarioRows(scenario: ScenarioResult, colors: Colors): string[][] {
  const paint = verdictPaint(colors);
  const { subject } = scenario.criteria[0]?.criterion ?? {};
  const several = scenario.criteria.some(({ criterion }) => criterion.subject !== subject);
  return scenario.criteria.map((verdict, i) => {
    const { criterion } = verdict;
    const kind = scenario.failure === undefined ? verdict.verdict : 'fail';
    const { value, spread } = measuredParts(verdict);
    const measured =
      scenario.failure !== undefined
        ? [colors.red('broke'), '']
        : kind === 'not-built'
          ? [colors.dim('not built'), '']
          : [colors.bold(value), colors.dim(spread)];
    return [
      paint(kind, MARKS[kind]),
      i === 0
        ? `${scenario.id}${scenario.elsewhere === undefined ? '' : paint('inconclusive', ELSEWHERE)}`
        : '',
      i === 0 ? scenario.name : '',
      `${shortName(criterion.metric, scenario.params)}${several ? ` ${criterion.subject}` : ''}`,
      ...measured,
      wantedText(criterion),
      peerText(verdict),
    ];
  });
}

function peerText({ criterion, peerMedian }: CriterionVerdict): string {
  return peerMedian === undefined ? '' : withUnit(criterion.metric, peerMedian);
}

/** What the line has no room for goes: first the peer's number, then the name. */
function narrowed(rows: string[][], colors: Colors, room: number): string[] {
  const widest = (lines: readonly string[]): number => Math.max(...lines.map(visibleLength));
  let lines: string[] = [];
  for (const dropped of [[], ['peer'], ['peer', 'target']]) {
    const kept = COLUMNS.map(({ title }) => !dropped.includes(title));
    lines = textTable(
      COLUMNS.filter((_, i) => kept[i]),
      rows.map((row) => row.filter((_, i) => kept[i])),
      colors.dim,
    );
    if (widest(lines) <= room) break;
  }
  return lines;
}

function wrappedNotes(notes: readonly string[], columns: number): string[] {
  return [...(notes.length === 0 ? [] : ['']), ...notes.flatMap((note) => wrap(note, columns))];
}

/** Rows of one reason stand together: a busy host makes the same remark on all. */
function whyLines(
  { scenarios }: ResultFile,
  paint: ReturnType<typeof verdictPaint>,
  colors: Colors,
): string[] {
  const whys = scenarios.flatMap((scenario) => {
    const why = reasonText(scenario);
    return why === '' ? [] : [{ id: scenario.id, verdict: scenario.verdict, why }];
  });
  const reasons = [...new Set(whys.map(({ why }) => why))];
  return [
    ...(reasons.length === 0 ? [] : ['']),
    ...reasons.map((reason) => {
      const same = whys.filter(({ why }) => why === reason);
      const kind = same[0]?.verdict ?? 'inconclusive';
      return `${paint(kind, MARKS[kind])} ${same.map(({ id }) => id).join(' ')}: ${colors.dim(reason)}`;
    }),
  ];
}

function tallyLine(
  result: ResultFile,
  paint: ReturnType<typeof verdictPaint>,
  colors: Colors,
): string {
  const rows = result.scenarios.length + result.pending.length;
  const counts = tally(result).map(([kind, text]) => paint(kind, text));
  const partial = result.partial
    ? colors.red(`  PARTIAL: ${result.pending.length} not measured`)
    : '';
  return `${rows} ${rows === 1 ? 'target' : 'targets'}: ${counts.join(', ')}${partial}`;
}

export function verdictPaint(colors: Colors): (kind: VerdictKind, text: string) => string {
  return (kind, text) =>
    kind === 'pass'
      ? colors.green(text)
      : kind === 'fail'
        ? colors.red(text)
        : kind === 'inconclusive'
          ? colors.yellow(text)
          : colors.dim(text);
}
