import { describe, expect, it } from 'vitest';
import { LaneStatements } from './_lane_statements.ts';
import type { LearnedStatement } from './_learned_statement.ts';

const tuning = { slowMeanMs: 5, slowP95Ms: 20 };

function statement(): LearnedStatement {
  return new LaneStatements().of('select 1').learned as LearnedStatement;
}

function run(learned: LearnedStatement, times: readonly number[]): boolean {
  for (const ms of times) learned.ranAlone(ms, 0.2, tuning);
  return learned.slow;
}

const many = (ms: number, count: number): number[] => Array.from({ length: count }, () => ms);

describe('a statement', () => {
  it.each([
    ['fast', many(0.2, 100), false],
    ['slow from its first execution', [50], true],
    ['above the mean', many(6, 50), true],
    ['just below it', many(4.9, 50), false],
    [
      'fast with an outlier now and then',
      many(0.2, 400).map((ms, i) => (i % 80 === 79 ? 60 : ms)),
      false,
    ],
    [
      'answered in batches of 32 that are waited for',
      many(0, 640).map((ms, i) => (i % 32 === 0 ? 24 : ms)),
      false,
    ],
    ['fast with one outlier among its first', [...many(0.2, 6), 25], false],
    [
      'fast but for one in ten',
      many(0.2, 200).flatMap((ms, i) => (i % 10 === 9 ? [25] : [ms])),
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
    expect(run(learned, many(0.2, 300))).toBe(false);
  });

  it('is not slow because all are, on a server that is short of CPU', () => {
    const learned = statement();
    for (let i = 0; i < 200; i++) learned.ranAlone(i % 8 === 0 ? 0.4 : 9, 8, tuning);
    expect(learned.slow).toBe(false);
    // Among fast ones, the same times are slow.
    for (let i = 0; i < 200; i++) learned.ranAlone(i % 8 === 0 ? 0.4 : 9, 0.2, tuning);
    expect(learned.slow).toBe(true);
  });

  it('is slow where all are, when even its quickest executions are', () => {
    const learned = statement();
    for (let i = 0; i < 50; i++) learned.ranAlone(50, 50, tuning);
    expect(learned.slow).toBe(true);
  });

  it('that looks slow in a busy process is tried on a lane, and shares again', () => {
    const learned = statement();
    run(learned, many(9, 15));
    expect(learned.isDue).toBe(false);
    run(learned, many(9, 3));
    expect(learned.isDue).toBe(true);
    for (let i = 0; i < 6; i++) {
      expect(learned.slow).toBe(true);
      learned.ranShared(0.2, 0.2, tuning);
    }
    expect(learned.slow).toBe(false);
  });

  it('that is slow on a lane as well is tried less and less often', () => {
    const learned = statement();
    const tries: number[] = [];
    for (let i = 0; i < 4_000; i++) {
      if (learned.isDue) {
        tries.push(i);
        learned.ranShared(50, 0.2, tuning);
      } else learned.ranAlone(50, 0.2, tuning);
    }
    expect(tries.length).toBeLessThan(10);
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
  statements.of('select pg_sleep(1)').learned?.ranAlone(1_000, 0.2, tuning);
  expect(statements.of('select  pg_sleep(0.5)').learned?.slow).toBe(true);
  for (let i = 0; i < 5_000; i++) statements.of(`select ${i} as c${i}`);
  expect(statements.slow().length).toBeLessThanOrEqual(1);
  expect(statements.of('begin').learned).toBeUndefined();
});
