import { expect, test } from 'vitest';
import type { Scenario } from '../scenario/scenario.ts';
import { parseThreshold, refuseUnanswered } from './threshold.ts';

const scenario = {
  id: 'P6',
  name: 'exclusive-query',
  criteria: [{ metric: 'opsPerSecond', subject: 'fynlo', peer: 'pg.Pool', op: '>=', bound: 1.05 }],
  subjects: [{ name: 'fynlo' }, { name: 'pg.Pool' }],
} as unknown as Scenario;

test('parseThreshold() reads a bound on a metric and one on a ratio', () => {
  expect(parseThreshold('P6.p99Ms < 5ms', [scenario])).toMatchObject({
    scenario: 'P6',
    criterion: { metric: 'p99Ms', subject: 'fynlo', op: '<=', bound: 5 },
  });
  expect(
    parseThreshold('exclusive-query.opsPerSecond@fynlo/pg.Pool>=1.05x', [scenario]),
  ).toMatchObject({
    scenario: 'P6',
    criterion: { metric: 'opsPerSecond', subject: 'fynlo', peer: 'pg.Pool', op: '>=', bound: 1.05 },
  });
});

test.each([
  ['P6.p99ms<5', /Unknown metric "p99ms", did you mean "p99Ms"\?/],
  ['P66.p99Ms<5', /Unknown scenario "P66"/],
  ['P6.p99Ms@finlo<5', /Unknown subject "finlo", did you mean "fynlo"\?/],
  ['P6.p99Ms<5s', /p99Ms is in ms, not s/],
  ['P6.p99Ms', /Cannot read threshold/],
  ['P6.p99Ms=5', /Cannot read threshold/],
  ['P6.p99Ms<1.2.3', /"1.2.3" is no number/],
])('parseThreshold(%s) refuses with %s', (text, message) => {
  expect(() => parseThreshold(text, [scenario])).toThrow(message);
});

const refuse = (text: string, load: { ratePerSecond?: number; openRatePerSecond?: number }): void =>
  refuseUnanswered(
    [parseThreshold(text, [scenario])],
    [{ scenario, params: { callers: 1, connections: 1, warmupMs: 1, durationMs: 1, ...load } }],
  );

test('refuseUnanswered() refuses a bound on operations a second at a rate that is given, and no other', () => {
  const given = { ratePerSecond: 200 };
  for (const text of ['P6.opsPerSecond>=150', 'P6.opsPerSecond@fynlo/pg.Pool>=1']) {
    expect(() => refuse(text, given)).toThrow(
      `No threshold "${text}" for P6: 200 operations a second are given`,
    );
    expect(() => refuse(text, {})).not.toThrow();
  }
  expect(() => refuse('P6.p99Ms<5', given)).not.toThrow();
});

test('refuseUnanswered() refuses a bound on an open loop after the closed one where none is, and on its operations a second', () => {
  const both = { openRatePerSecond: 200 };
  expect(() => refuse('P6.openP99Ms<5', both)).not.toThrow();
  expect(() => refuse('P6.opsPerSecond>=150', both)).not.toThrow();
  expect(() => refuse('P6.openOpsPerSecond>=150', both)).toThrow(
    '200 operations a second are given',
  );
  for (const one of [{}, { ratePerSecond: 200 }])
    expect(() => refuse('P6.openP99Ms<5', one)).toThrow(
      'No threshold "P6.openP99Ms<5" for P6: not measured',
    );
});
