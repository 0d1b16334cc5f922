import { expect, test } from 'vitest';
import type { ResultFile } from '../results/result_file.ts';
import { loadDifferences, surroundingDifferences } from './same_load.ts';

const params = { callers: 64, connections: 10, warmupMs: 1000, durationMs: 4000 };
const rows = (more: object, id = 'P6') =>
  ({ scenarios: [{ id, params: { ...params, ...more } }] }) as unknown as ResultFile;

test.each([
  [{}, []],
  [{ callers: 8 }, ['P6: 64 callers before, 8 callers after']],
  [{ connections: 4 }, ['P6: 10 connections before, 4 connections after']],
  [{ durationMs: 1200 }, ['P6: 4000 ms a round before, 1200 ms a round after']],
  [
    { openRatePerSecond: 500 },
    [
      'P6: no operations a second after the closed loop before, 500 operations a second after the closed loop after',
    ],
  ],
  [
    { ratePerSecond: 500, warmupMs: 0 },
    [
      'P6: no operations a second, 1000 ms of warm-up before, 500 operations a second, 0 ms of warm-up after',
    ],
  ],
])('loadDifferences() of a row whose load differs by %j are %j', (more, lines) => {
  expect(loadDifferences(rows({}), rows(more))).toEqual(lines);
});

test('loadDifferences() says nothing of rows that only one run has', () => {
  expect(loadDifferences(rows({}), rows({ callers: 8 }, 'P7'))).toEqual([]);
});

test('surroundingDifferences() names another Node, package and server setting, and nothing that is the same', () => {
  const on = (node: string, pg: string, fsync: string) =>
    ({
      environment: {
        ...{ node, cpu: 'a cpu', cores: 2, packages: { pg, redis: '6.3.1' } },
        postgres: { version: '18.4', source: 'npm', settings: { fsync } },
      },
    }) as unknown as ResultFile;
  expect(surroundingDifferences(on('v20', '8.23.1', 'off'), on('v20', '8.23.1', 'off'))).toEqual(
    [],
  );
  expect(surroundingDifferences(on('v20', '8.23.1', 'off'), on('v22', '8.22.0', 'on'))).toEqual([
    'Node: v20 before, v22 after',
    'pg: 8.23.1 before, 8.22.0 after',
    'PostgreSQL fsync: off before, on after',
  ]);
});
