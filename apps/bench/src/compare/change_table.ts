import { METRICS } from '../measure/metric.ts';
import { number } from '../report/number.ts';
import { textTable } from '../report/table.ts';
import type { Terminal } from '../terminal/terminal.ts';
import type { Change } from './compare.ts';

/** The comparison as a table; `~` marks what may be chance, as benchstat does. */
export function changeLines(changes: readonly Change[], colors: Terminal['colors']): string[] {
  if (changes.length === 0) return ['Nothing to compare: no criterion was measured in both runs.'];
  const paint = {
    better: colors.green,
    worse: colors.red,
    same: colors.dim,
    'too-few-rounds': colors.yellow,
  };
  const rows = changes.map((c) => [
    c.scenario,
    `${METRICS[c.metric].meaning}: ${c.subject}${c.peer === undefined ? '' : ` / ${c.peer}`}`,
    number(c.before),
    number(c.after),
    paint[c.verdict](
      `${c.verdict === 'same' ? '~ ' : ''}${c.change > 0 ? '+' : ''}${(c.change * 100).toFixed(1)} %`,
    ),
    c.pValue.toFixed(3),
    `${c.samples[0]}+${c.samples[1]}`,
    paint[c.verdict](WORDS[c.verdict]),
  ]);
  const table = textTable(
    [
      { title: 'id' },
      { title: 'number' },
      { title: 'before', align: 'right' },
      { title: 'after', align: 'right' },
      { title: 'change', align: 'right' },
      { title: 'p', align: 'right' },
      { title: 'rounds', align: 'right' },
      { title: '' },
    ],
    rows,
    colors.dim,
  );
  const differing = changes.filter(({ verdict }) => verdict === 'better' || verdict === 'worse');
  const unsure = changes.some(({ verdict }) => verdict === 'too-few-rounds');
  const summary =
    differing.length > 0
      ? `${changes.filter((c) => c.verdict === 'worse').length} worse, ${changes.filter((c) => c.verdict === 'better').length} better`
      : unsure
        ? 'Too few rounds to tell; run with more (-n 10)'
        : 'No significant difference';
  return [...table, '', summary];
}

const WORDS: Readonly<Record<Change['verdict'], string>> = {
  better: 'better',
  worse: 'worse',
  same: 'no significant difference',
  'too-few-rounds': 'too few rounds to tell',
};
