import { escapeHtml, htmlPage, htmlTable, type RowStyle } from '../report/page.ts';
import { changeSummary, changeTable, numberName, percentText } from './change_table.ts';
import type { Change } from './compare.ts';

export interface Comparison {
  /** What was compared, as the user named it. */
  readonly before: string;
  readonly after: string;
  readonly changes: readonly Change[];
  /** What else differed, and what was not compared. */
  readonly notes: readonly string[];
}

/** A comparison as one page without a request to anywhere. */
export function changePage({ before, after, ...comparison }: Comparison): string {
  return htmlPage(`fynlo-bench compare ${before} ${after}`, [
    '<h1>fynlo-bench compare</h1>',
    `<p><b>${escapeHtml(before)}</b> before, <b>${escapeHtml(after)}</b> after</p>`,
    ...changeHtml(comparison),
  ]);
}

/** The same as a part of a page: the summary, a bar a number, the table. */
export function changeHtml({ changes, notes }: Pick<Comparison, 'changes' | 'notes'>): string[] {
  const { columns, rows } = changeTable(changes);
  return [
    `<p>${escapeHtml(changeSummary(changes))}</p>`,
    ...notes.map((note) => `<p class="dim">${escapeHtml(note)}</p>`),
    ...(changes.length === 0
      ? []
      : [
          changeBars(changes),
          htmlTable(columns, rows, (row) => {
            const change = changes[row];
            return change && { kind: KINDS[change.verdict] };
          }),
        ]),
  ];
}

const KINDS: Readonly<Record<Change['verdict'], RowStyle['kind']>> = {
  better: 'pass',
  worse: 'fail',
  same: 'not-built',
  'too-few-rounds': 'inconclusive',
};

const LABELS_END = 260;
const MIDDLE = 455;
const HALF = 115;

/** To the left what became less, to the right what became more; coloured where it is no chance. */
function changeBars(changes: readonly Change[]): string {
  const sizes = changes.map(({ change }) => Math.abs(change)).filter(Number.isFinite);
  const most = Math.max(0.1, ...sizes);
  const rows = changes.map((change, i) => {
    const y = i * 22 + 4;
    const width = Math.min(1, Math.abs(change.change) / most) * HALF;
    const [from, end, anchor] =
      change.change < 0
        ? [MIDDLE - width, MIDDLE - width - 6, 'end']
        : [MIDDLE, MIDDLE + width + 6, 'start'];
    return `<text x="${LABELS_END}" y="${y + 11}" text-anchor="end">${escapeHtml(`${change.scenario} ${numberName(change)}`)}</text><rect x="${from.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="14" class="${change.verdict}"/><text x="${end.toFixed(1)}" y="${y + 11}" text-anchor="${anchor}">${percentText(change)}</text>`;
  });
  const height = changes.length * 22 + 8;
  return `<svg viewBox="0 0 660 ${height}" role="img" aria-label="changes in per cent"><path d="M${MIDDLE} 0V${height}" class="whisker"/>${rows.join('')}</svg>`;
}
