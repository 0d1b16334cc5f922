import { expect, test } from 'vitest';
import { mergeResults } from './merge_results.ts';
import type { ResultFile } from './result_file.ts';

const ORDER = ['P1', 'P2', 'K1'];

/** A run of these rows; `took` tells whose a scenario is. */
function run(command: string, rows: readonly string[], pending: readonly string[] = []) {
  return {
    command,
    seed: 1,
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
