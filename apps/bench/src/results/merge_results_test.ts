import { expect, test } from 'vitest';
import { mergeResults } from './merge_results.ts';
import type { ResultFile } from './result_file.ts';

const ORDER = ['P1', 'P2', 'K1'];

/** A run of these rows; `took` tells whose a scenario is. */
function run(command: string, rows: readonly string[], pending: readonly string[] = []) {
  return {
    command,
    seed: 1,
    environment: { node: 'v20', cpu: 'a cpu', cores: 2, packages: {} },
    partial: pending.length > 0,
    pending: pending.map((id) => ({ id, name: id, target: '' })),
    scenarios: rows.map((id) => ({ id, name: command })),
  } as unknown as ResultFile;
}

const rowsOf = ({ scenarios }: ResultFile): string[] =>
  scenarios.map(({ id, name }) => `${id} by ${name}`);

test('mergeResults() has the rows of all files, in the order of the table', () => {
  const merged = mergeResults([run('a', ['K1']), run('b', ['P2', 'P1'])], ORDER);
  expect(rowsOf(merged)).toEqual(['P1 by b', 'P2 by b', 'K1 by a']);
  expect(merged.command).toBe('b');
  expect(merged.earlier?.map(({ command, rows }) => [command, rows])).toEqual([['a', ['K1']]]);
});

test('mergeResults() takes a row that was measured twice from the later file', () => {
  const merged = mergeResults([run('a', ['P1', 'P2']), run('b', ['P1'])], ORDER);
  expect(rowsOf(merged)).toEqual(['P1 by b', 'P2 by a']);
  expect(merged.earlier?.[0]?.rows).toEqual(['P2']);
});

test('mergeResults() of a merged file still knows whose each row is, and forgets who has none left', () => {
  const first = mergeResults([run('a', ['P1']), run('b', ['P2'])], ORDER);
  const merged = mergeResults([first, run('c', ['P1'])], ORDER);
  expect(rowsOf(merged)).toEqual(['P1 by c', 'P2 by b']);
  expect(merged.earlier?.map(({ command, rows }) => [command, rows])).toEqual([['b', ['P2']]]);
});

test('mergeResults() is partial while a row that was asked for is in none of the files', () => {
  const interrupted = run('a', ['P1'], ['P2', 'K1']);
  const half = mergeResults([interrupted, run('b', ['P2'])], ORDER);
  expect([half.partial, half.pending.map(({ id }) => id)]).toEqual([true, ['K1']]);
  expect(mergeResults([half, run('c', ['K1'])], ORDER).partial).toBe(false);
});

test('mergeResults() marks the rows of another commit, other changes or another machine, and says what differs', () => {
  const on = (rows: readonly string[], environment: object): ResultFile => {
    const made = run('a', rows);
    return { ...made, environment: { ...made.environment, ...environment } };
  };
  const marks = ({ scenarios }: ResultFile) => scenarios.map((row) => [row.id, row.elsewhere]);
  const now = { commit: 'a'.repeat(40), dirty: true, changes: '12345678' };
  const merged = mergeResults(
    [
      on(['P1'], { ...now, commit: 'b'.repeat(40) }),
      on(['P2'], { ...now, node: 'v22', changes: '87654321' }),
      on(['K1'], now),
      on(['K2'], now),
    ],
    ORDER,
  );
  expect(marks(merged)).toEqual([
    [
      'P1',
      ['commit bbbbbbbbbb with changes 12345678 (the others: aaaaaaaaaa with changes 12345678)'],
    ],
    [
      'P2',
      [
        'commit aaaaaaaaaa with changes 87654321 (the others: aaaaaaaaaa with changes 12345678)',
        'Node v22 (the others: v20)',
      ],
    ],
    ['K1', undefined],
    ['K2', undefined],
  ]);
  // What is measured anew is of the place where it is now.
  expect(marks(mergeResults([merged, on(['P1', 'P2'], now)], ORDER))).toEqual(
    ['P1', 'P2', 'K1', 'K2'].map((id) => [id, undefined]),
  );
});

test('mergeResults() holds no row against the place of a run that measured none', () => {
  const idle = run('b', []);
  const elsewhere = { ...idle, environment: { ...idle.environment, node: 'v22' } };
  const merged = mergeResults([run('a', ['P1']), elsewhere], ORDER);
  expect([merged.command, merged.environment.node, merged.earlier]).toEqual(['a', 'v20', []]);
  expect(merged.scenarios[0]?.elsewhere).toBeUndefined();
});

test('mergeResults() calls no server another for a run that started none', () => {
  const server = { version: '18.4', source: 'npm', settings: { fsync: 'off' } };
  const made = run('a', ['P1']);
  const measured = { ...made, environment: { ...made.environment, postgres: server } };
  const [row] = mergeResults([measured, run('b', ['P2'])], ORDER).scenarios;
  expect(row?.elsewhere).toBeUndefined();
});
