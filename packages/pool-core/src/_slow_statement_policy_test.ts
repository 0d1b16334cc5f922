import { describe, expect, it } from 'vitest';
import type { LearnedStatement } from './_lane_statements.ts';
import { LaneStatements } from './_lane_statements.ts';

const tuning = { slowMeanMs: 5, slowP95Ms: 20 };

function statement(): LearnedStatement {
  return new LaneStatements().of('select 1').learned as LearnedStatement;
}

function run(learned: LearnedStatement, times: readonly number[]): boolean {
  for (const ms of times) learned.ran(ms, 0.2, tuning);
  return learned.slow;
}

const many = (ms: number, count: number): number[] => Array.from({ length: count }, () => ms);

describe('a statement', () => {
  it.each([
    ['fast', many(0.2, 100), false],
    ['slow from its first execution', [50], true],
    ['above the mean', many(6, 50), true],
    ['just below it', many(4.9, 50), false],
    ['fast with one outlier', [...many(0.2, 60), 50], false],
    ['fast with one outlier among its first', [...many(0.2, 6), 25], false],
    [
      'fast but for one in ten',
      many(0.2, 100).flatMap((ms, i) => (i % 10 === 9 ? [25] : [ms])),
      true,
    ],
    [
      'fast but for one in fifty',
      many(0.2, 500).flatMap((ms, i) => (i % 50 === 49 ? [25] : [ms])),
      false,
    ],
  ])('that is %s', (_, times, wanted) => {
    expect(run(statement(), times)).toBe(wanted);
  });

  it('shares again when it has become clearly fast', () => {
    const learned = statement();
    expect(run(learned, many(30, 40))).toBe(true);
    expect(run(learned, many(0.2, 10))).toBe(true);
    expect(run(learned, many(0.2, 150))).toBe(false);
  });

  it('is not slow because all are, on a server that is short of CPU', () => {
    const learned = statement();
    for (let i = 0; i < 200; i++) learned.ran(i % 8 === 0 ? 0.4 : 9, 8, tuning);
    expect(learned.slow).toBe(false);
    // Among fast ones, the same times are slow.
    for (let i = 0; i < 200; i++) learned.ran(i % 8 === 0 ? 0.4 : 9, 0.2, tuning);
    expect(learned.slow).toBe(true);
  });

  it('is slow where all are, when even its quickest executions are', () => {
    const learned = statement();
    for (let i = 0; i < 50; i++) learned.ran(50, 50, tuning);
    expect(learned.slow).toBe(true);
  });

  it('does not flap at the bound', () => {
    const learned = statement();
    run(learned, many(6, 20));
    expect(run(learned, many(4, 100))).toBe(true);
  });
});

it('executions with other literals count for the same statement; memory is bounded', () => {
  const statements = new LaneStatements();
  statements.of('select pg_sleep(1)').learned?.ran(1_000, 0.2, tuning);
  expect(statements.of('select  pg_sleep(0.5)').learned?.slow).toBe(true);
  for (let i = 0; i < 5_000; i++) statements.of(`select ${i} as c${i}`);
  expect(statements.slow().length).toBeLessThanOrEqual(1);
  expect(statements.of('begin').learned).toBeUndefined();
});
