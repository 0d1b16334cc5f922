import { expect, test } from 'vitest';
import type { MetricName } from '../measure/metric.ts';
import type { ResultFile } from '../results/result_file.ts';
import { renderResult } from './formats.ts';

const criterion = (metric: MetricName, numbers: object, peer?: string): object => ({
  criterion: {
    metric,
    subject: 'ours',
    ...(peer === undefined ? {} : { peer }),
    op: '>=',
    bound: 1,
  },
  verdict: 'pass',
  samples: 5,
  ...numbers,
});

const result = {
  scenarios: [
    {
      id: 'P6',
      criteria: [
        criterion('opsPerSecond', { measured: 2, low: 1.6, high: 2.5 }, 'pg'),
        criterion('p99Ms', { measured: 4, low: 3, high: 5 }),
      ],
    },
    {
      id: 'P7',
      criteria: [
        criterion('opsPerSecond', { measured: 0, low: 0, high: 1 }),
        criterion('opsPerSecond', { measured: 4, low: 0, high: 8 }, 'pg'),
        criterion('p99Ms', { measured: Number.POSITIVE_INFINITY }, 'pg'),
        criterion('p99Ms', {}),
      ],
    },
  ],
} as unknown as ResultFile;

const render = (format: 'gha' | 'bmf'): string => renderResult(result, format, undefined as never);

test('gha inverts what more is better of, its range as well, and has no value that is not a number', () => {
  expect(JSON.parse(render('gha'))).toEqual([
    { name: 'P6 opsPerSecond ours / pg', unit: '1 / (x)', value: 0.5, range: '0.4..0.625' },
    { name: 'P6 p99Ms ours', unit: 'ms', value: 4, range: '3..5' },
    { name: 'P7 opsPerSecond ours / pg', unit: '1 / (x)', value: 0.25 },
  ]);
});

test('bmf has every number as it was measured', () => {
  expect(JSON.parse(render('bmf'))).toEqual({
    'P6 opsPerSecond ours / pg': { ratio: { value: 2, lower_value: 1.6, upper_value: 2.5 } },
    'P6 p99Ms ours': { ms: { value: 4, lower_value: 3, upper_value: 5 } },
    'P7 opsPerSecond ours': { '/s': { value: 0, lower_value: 0, upper_value: 1 } },
    'P7 opsPerSecond ours / pg': { ratio: { value: 4, lower_value: 0, upper_value: 8 } },
  });
});

test('ndjson has a line a round without its histogram, a line a scenario and one for the run', () => {
  const round = { round: 0, position: 0, metrics: { p99Ms: 4 } };
  const subject = { name: 'ours', settings: 'none', rounds: [{ ...round, histogram: [] }] };
  const whole = { seed: 7, scenarios: [{ id: 'P6', criteria: [], subjects: [subject] }] };
  const text = renderResult(whole as unknown as ResultFile, 'ndjson', undefined as never);
  expect(text.split('\n')).toEqual([
    '{"type":"round","scenario":"P6","subject":"ours","round":0,"position":0,"metrics":{"p99Ms":4}}',
    '{"type":"scenario","id":"P6","criteria":[]}',
    '{"type":"run","seed":7}',
  ]);
});
