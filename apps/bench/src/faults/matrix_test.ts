import { expect, test } from 'vitest';
import type { Cell } from './case_runner.ts';
import { type MatrixRun, matrixOf } from './matrix.ts';
import { matrixMarkdown } from './matrix_report.ts';

const run = (command: string): MatrixRun => ({
  startedAt: '2026-01-01T00:00:00.000Z',
  finishedAt: '2026-01-01T00:01:00.000Z',
  partial: false,
  profile: 'quick',
  seed: 1,
  command,
  environment: {
    node: 'v20',
    v8: '1',
    platform: 'linux',
    cpu: 'one',
    cores: 2,
    memoryGb: 1,
    load: 0,
    packages: {},
  },
});
const cell = (fault: string, subject: string, verdict: Cell['verdict']): Cell => ({
  fault,
  subject,
  verdict,
  reasons: verdict === 'fail' ? ['something else'] : [],
  metrics: { errors: verdict === 'fail' ? 99 : 0 },
  notes: [],
  tookMs: 1,
});

test('matrixOf() keeps the cells of an earlier run that were not run again, and names the runs they come from', () => {
  const first = matrixOf(
    run('first'),
    [cell('F10', 'knex', 'fail'), cell('F01', 'knex', 'pass')],
    undefined,
  );
  const second = matrixOf(
    run('second'),
    [cell('F10', 'knex', 'pass'), cell('F10', 'fynlo', 'pass')],
    first,
  );
  expect(
    second.cells.map(({ fault, subject, verdict, run: index }) => [
      fault,
      subject,
      verdict,
      second.runs[index]?.command,
    ]),
  ).toEqual([
    ['F01', 'knex', 'pass', 'first'],
    ['F10', 'fynlo', 'pass', 'second'],
    ['F10', 'knex', 'pass', 'second'],
  ]);
  const third = matrixOf(run('third'), [cell('F01', 'knex', 'pass')], second);
  expect(third.runs.map(({ command }) => command)).toEqual(['second', 'third']);
});

test('matrixMarkdown() marks what missed its bound, and says what else went wrong', () => {
  const text = matrixMarkdown(
    matrixOf(run('all'), [cell('F10', 'fynlo', 'pass'), cell('F10', 'knex', 'fail')], undefined),
  );
  expect(text).toContain('| [F10](#f10) |');
  expect(text).toContain('| callers told an error | <= 10 | 0 | ⚠ 99 |');
  expect(text).toContain('- knex: something else');
  expect(text).toContain('Passed: fynlo 1 of 1 · knex 0 of 1.');
});
