import { number } from '../report/number.ts';
import { shortName } from '../report/rows.ts';
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
  const rows = changes.map((change) => changeRow(change, (text) => text));
  return [...markdownTable(COLUMNS, rows), '', changeSummary(changes)].join('\n');
}

/** A comparison of nothing is not one that found no difference. */
export const NOTHING_TO_COMPARE = 'Nothing to compare: no criterion was measured in both runs';

function changeRow(c: Change, paint: (text: string) => string): string[] {
  const percent = `${c.change > 0 ? '+' : ''}${(c.change * 100).toFixed(1)} %`;
  return [
    c.scenario,
    `${shortName(c.metric)}: ${c.subject}${c.peer === undefined ? '' : ` / ${c.peer}`}`,
    number(c.before),
    number(c.after),
    paint(c.verdict === 'same' ? `~ ${percent}` : percent),
    c.pValue.toFixed(3),
    `${c.samples[0]}+${c.samples[1]}`,
    paint(WORDS[c.verdict]),
  ];
}

function changeSummary(changes: readonly Change[]): string {
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
