import { number } from '../report/number.ts';
import { shortName, type Table } from '../report/rows.ts';
import { type Column, markdownTable, textTable } from '../report/table.ts';
import type { Terminal } from '../terminal/terminal.ts';
import type { Change } from './compare.ts';

const COLUMNS: readonly Column[] = [
  { title: 'id' },
  { title: 'number' },
  { title: 'before', align: 'right' },
  { title: 'after', align: 'right' },
  { title: 'change', align: 'right' },
  { title: 'p', align: 'right' },
  { title: 'rounds', align: 'right' },
  { title: '' },
];

/** The comparison as a table; `~` marks what may be chance, as benchstat does. */
export function changeLines(changes: readonly Change[], colors: Terminal['colors']): string[] {
  if (changes.length === 0) return [NOTHING_TO_COMPARE];
  const paint = {
    better: colors.green,
    worse: colors.red,
    same: colors.dim,
    'too-few-rounds': colors.yellow,
  };
  const rows = changes.map((change) => changeRow(change, paint[change.verdict]));
  return [...textTable(COLUMNS, rows, colors.dim), '', changeSummary(changes)];
}

/** The same for a pull request or a step summary. */
export function changeMarkdown(changes: readonly Change[]): string {
  if (changes.length === 0) return NOTHING_TO_COMPARE;
  const { columns, rows } = changeTable(changes);
  return [...markdownTable(columns, rows), '', changeSummary(changes)].join('\n');
}

/** Its cells as plain text. */
export function changeTable(changes: readonly Change[]): Table {
  return { columns: COLUMNS, rows: changes.map((change) => changeRow(change, (text) => text)) };
}

/** A comparison of nothing is not one that found no difference. */
export const NOTHING_TO_COMPARE = 'Nothing to compare: no criterion was measured in both runs';

function changeRow(c: Change, paint: (text: string) => string): string[] {
  return [
    c.scenario,
    numberName(c),
    number(c.before),
    number(c.after),
    paint(percentText(c)),
    c.pValue.toFixed(3),
    `${c.samples[0]}+${c.samples[1]}`,
    paint(WORDS[c.verdict]),
  ];
}

/** `p99: fynlo / pg.Pool` */
export function numberName({ metric, subject, peer }: Change): string {
  return `${shortName(metric)}: ${subject}${peer === undefined ? '' : ` / ${peer}`}`;
}

/** `+12.5 %`, or `~ +1.2 %` where it may be chance. */
export function percentText({ change, verdict }: Change): string {
  const size = Number.isFinite(change) ? (change * 100).toFixed(1) : '∞';
  const percent = `${change > 0 ? '+' : ''}${size} %`;
  return verdict === 'same' ? `~ ${percent}` : percent;
}

export function changeSummary(changes: readonly Change[]): string {
  const count = (verdict: Change['verdict']): number =>
    changes.filter((change) => change.verdict === verdict).length;
  if (count('worse') + count('better') > 0)
    return `${count('worse')} worse, ${count('better')} better`;
  return count('too-few-rounds') > 0
    ? 'Too few rounds to tell; run with more (-n 10)'
    : 'No significant difference';
}

const WORDS: Readonly<Record<Change['verdict'], string>> = {
  better: 'better',
  worse: 'worse',
  same: 'may be chance',
  'too-few-rounds': 'too few rounds to tell',
};
