import { expect, test } from 'vitest';
import { changePage } from './change_html.ts';
import type { Change } from './compare.ts';

const change = (subject: string, by: number, verdict: Change['verdict']): Change => ({
  ...{ scenario: 'P6', metric: 'p99Ms', subject, peer: 'pg.Pool', samples: [6, 6], pValue: 0.01 },
  ...{ before: 1, after: 1 + by, change: by, verdict },
});

const page = changePage({
  before: 'before.json',
  after: '<after>.json',
  changes: [
    change('slower', 0.25, 'worse'),
    change('faster', -0.5, 'better'),
    change('alike', 0.01, 'same'),
    change('from nothing', Number.POSITIVE_INFINITY, 'too-few-rounds'),
  ],
  notes: ['Not the same in both runs: Node: v20 before, v22 after'],
});

test('changePage() has what was compared, the summary, what else differed, and asks nobody for anything', () => {
  expect(page).toContain('<b>before.json</b> before, <b>&lt;after&gt;.json</b> after');
  expect(page).toContain('1 worse, 1 better');
  expect(page).toContain('Not the same in both runs: Node: v20 before, v22 after');
  expect(page).not.toContain('<after>');
  expect(page).not.toMatch(/(src|href)="http/);
});

test('changePage() has a row and a bar a number, coloured where it is no chance', () => {
  const rows = [
    ...page.matchAll(/<tr class="([\w-]*)"><td>P6<\/td><td>p99: ([\w ]+) \/ pg\.Pool/g),
  ];
  expect(rows.map(([, kind, subject]) => [kind, subject])).toEqual([
    ['fail', 'slower'],
    ['pass', 'faster'],
    ['not-built', 'alike'],
    ['inconclusive', 'from nothing'],
  ]);
  const bars = [
    ...page.matchAll(/<rect x="([\d.]+)" y="\d+" width="([\d.]+)" height="14" class="([\w-]+)"/g),
  ];
  expect(bars.map(([, , , kind]) => kind)).toEqual(['worse', 'better', 'same', 'too-few-rounds']);
  const [slower, faster, , infinite] = bars.map(([, x, width]) => [Number(x), Number(width)]);
  // Half as far, to the other side of the same line; and what has no size is as long as the longest.
  expect(slower?.[1]).toBe((faster?.[1] ?? 0) / 2);
  expect(slower?.[0]).toBe((faster?.[0] ?? 0) + (faster?.[1] ?? 0));
  expect(infinite?.[1]).toBe(faster?.[1]);
  expect(page).not.toContain('NaN');
});
