import { expect, test } from 'vitest';
import type { Scenario } from '../scenario/scenario.ts';
import { poolCoreSize } from '../scenarios/s03_pool_core_size.ts';
import { runScenario } from './run_scenario.ts';

const run = {
  ...{ rounds: 1, besideRounds: 1, only: [], seed: 1, params: poolCoreSize.params },
  ...{ databaseUrl: 'postgres://none', redisUrl: 'redis://none', counter: undefined },
  signal: new AbortController().signal,
};

test('runScenario() fails a row whose subject reports nothing for what a criterion is about', async () => {
  // S3 as it is, in a process of its own, but held against a number that it does not have.
  const { verdict, failure } = await runScenario({
    ...run,
    scenario: {
      ...poolCoreSize,
      criteria: [{ metric: 'hitRatio', subject: '@fynlo/pool-core', op: '>=', bound: 0 }],
    },
  });
  expect(failure).toBe('Round of @fynlo/pool-core in S3 failed: it reported undefined as hitRatio');
  expect(verdict).toBe('fail');
}, 60_000);

test('runScenario() judges no operations a second that were given, and still what came of them', async () => {
  const { criteria } = await runScenario({
    ...run,
    scenario: {
      ...poolCoreSize,
      subjects: [],
      criteria: (['opsPerSecond', 'p99Ms'] as const).map((metric) => ({
        ...{ metric, subject: '@fynlo/pool-core', op: '>=', bound: 0 },
      })),
    },
    params: { ...poolCoreSize.params, ratePerSecond: 2000 },
  });
  expect(criteria.map(({ verdict, reason }) => [verdict, reason])).toEqual([
    ['inconclusive', expect.stringContaining('2,000 operations a second are given')],
    ['inconclusive', 'no rounds'],
  ]);
}, 60_000);

test('runScenario() passes no bound on an open loop that a load without one did not put', async () => {
  const scenario: Scenario = {
    ...poolCoreSize,
    criteria: [{ metric: 'openP99Ms', subject: '@fynlo/pool-core', op: '<=', bound: 1e9 }],
  };
  for (const load of [{}, { ratePerSecond: 2000 }]) {
    const params = { ...poolCoreSize.params, ...load };
    const { criteria, verdict, failure } = await runScenario({ ...run, scenario, params });
    expect([verdict, failure]).toEqual(['inconclusive', undefined]);
    expect(criteria[0]?.reason).toContain('not measured');
  }
}, 60_000);
