import { seededRandom } from '@fynlo/orchestrator/measurement';
import { expect, test } from 'vitest';
import type { ResultFile, ScenarioResult } from '../results/result_file.ts';
import { compareSamples, hasRegression } from './compare.ts';
import { comparableSamples } from './samples.ts';

const compare = (before: ResultFile, after: ResultFile) =>
  compareSamples(comparableSamples(before), comparableSamples(after));

function result(ours: readonly number[], peer: readonly number[], scenarios = 1): ResultFile {
  const rounds = (values: readonly number[]) =>
    values.map((opsPerSecond, round) => ({ round, position: 0, metrics: { opsPerSecond } }));
  const scenario = (id: string): ScenarioResult =>
    ({
      id,
      params: {},
      criteria: [
        { criterion: { metric: 'opsPerSecond', subject: 'ours', peer: 'pg', op: '>=', bound: 1 } },
      ],
      subjects: [
        { name: 'ours', settings: '', rounds: rounds(ours) },
        { name: 'pg', settings: '', rounds: rounds(peer) },
      ],
    }) as unknown as ScenarioResult;
  return {
    scenarios: Array.from({ length: scenarios }, (_, i) => scenario(`S${i}`)),
  } as unknown as ResultFile;
}

const random = seededRandom(3);
const noisy = (mean: number, n = 10): number[] =>
  Array.from({ length: n }, () => mean * (0.95 + random() / 10));

test('compareSamples() finds no difference between two runs of the same code', () => {
  let worse = 0;
  for (let i = 0; i < 200; i++) {
    const changes = compare(result(noisy(200), noisy(100)), result(noisy(200), noisy(100)));
    if (changes.some(({ verdict }) => verdict !== 'same')) worse++;
  }
  expect(worse).toBeLessThan(20);
});

test('compareSamples() finds a slowdown of 15 % through 5 % of noise, and an improvement', () => {
  const slower = compare(result(noisy(200), noisy(100)), result(noisy(170), noisy(100)));
  expect(slower[0]).toMatchObject({ verdict: 'worse', peer: 'pg' });
  expect(hasRegression(slower)).toBe(true);
  const faster = compare(result(noisy(170), noisy(100)), result(noisy(200), noisy(100)));
  expect(faster[0]?.verdict).toBe('better');
  expect(hasRegression(faster)).toBe(false);
});

test('compareSamples() cancels a machine that became slower for everybody', () => {
  const [change] = compare(result(noisy(200), noisy(100)), result(noisy(100), noisy(50)));
  expect(change?.verdict).toBe('same');
});

test('compareSamples() ignores a sure change that is smaller than 3 %', () => {
  const ten = Array.from({ length: 10 }, (_, i) => i / 1000);
  const [change] = compare(
    result(
      ten.map((x) => 200 + x),
      ten.map(() => 100),
    ),
    result(
      ten.map((x) => 198 + x),
      ten.map(() => 100),
    ),
  );
  expect(change?.verdict).toBe('same');
});

test('compareSamples() says when three rounds could never show a difference', () => {
  const [change] = compare(
    result([200, 201, 202], [100, 100, 100]),
    result([100, 101, 102], [100, 100, 100]),
  );
  expect(change?.verdict).toBe('too-few-rounds');
});
