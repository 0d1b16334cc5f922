import { expect, test } from 'vitest';
import type { Criterion } from '../scenario/scenario.ts';
import { judge, type RoundsBySubject, worst } from './verdict.ts';

const ratio: Criterion = {
  metric: 'opsPerSecond',
  subject: 'ours',
  peer: 'pg',
  op: '>=',
  bound: 2,
};

function rounds(ours: readonly number[], pg: readonly number[]): RoundsBySubject {
  const of = (values: readonly number[]) =>
    values.map((opsPerSecond, round) => ({ round, metrics: { opsPerSecond } }));
  return new Map([
    ['ours', of(ours)],
    ['pg', of(pg)],
  ]);
}

test('judge() pairs the rounds, so that a machine that slows down does not blur the ratio', () => {
  const verdict = judge(ratio, rounds([200, 100, 50, 40, 20], [100, 50, 25, 20, 10]));
  expect(verdict).toMatchObject({ verdict: 'pass', measured: 2, low: 2, high: 2, samples: 5 });
});

test.each([
  ['pass', [210, 220, 230, 240, 250]],
  ['inconclusive', [150, 160, 170, 180, 230]],
  ['fail', [110, 120, 130, 140, 150]],
])('judge() says %s when the medians say so', (expected, ours) => {
  expect(judge(ratio, rounds(ours, [100, 100, 100, 100, 100])).verdict).toBe(expected);
});

test('judge() is inconclusive, with the reason, on a saturated host and without rounds to compare', () => {
  const good = rounds([300, 300, 300], [100, 100, 100]);
  expect(judge(ratio, good, 'steal 20 %')).toMatchObject({
    verdict: 'inconclusive',
    reason: 'steal 20 %',
  });
  expect(judge(ratio, new Map()).verdict).toBe('inconclusive');
  expect(judge(ratio, rounds([1], [])).reason).toContain('no rounds of pg');
  expect(judge(ratio, rounds([1], [0])).reason).toContain('not a number');
});

test('judge() without a peer holds the value itself against the bound', () => {
  const loads: Criterion = { metric: 'loads', subject: 'ours', op: '==', bound: 1 };
  const of = (value: number): RoundsBySubject =>
    new Map([['ours', [{ round: 0, metrics: { loads: value } }]]]);
  expect(judge(loads, of(1)).verdict).toBe('pass');
  expect(judge(loads, of(4)).verdict).toBe('fail');
});

test('judge() takes a count that is the same on any host from a busy one, too', () => {
  const size: Criterion = { metric: 'bytes', subject: 'ours', op: '<=', bound: 10 };
  const measured: RoundsBySubject = new Map([['ours', [{ round: 0, metrics: { bytes: 9 } }]]]);
  expect(judge(size, measured, 'the host was busy').verdict).toBe('pass');
});

test('worst() lets one failed criterion fail the row, and nothing pass for lack of verdicts', () => {
  const criterion = ratio;
  expect(
    worst([
      { criterion, verdict: 'pass', samples: 5 },
      { criterion, verdict: 'fail', samples: 5 },
    ]),
  ).toBe('fail');
  expect(worst([])).toBe('inconclusive');
});
