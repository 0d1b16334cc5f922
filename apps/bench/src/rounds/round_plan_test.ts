import { expect, test } from 'vitest';
import { SCENARIOS } from '../scenario/catalog.ts';
import { loadMs } from '../scenario/open_part.ts';
import type { Params, Scenario } from '../scenario/scenario.ts';
import {
  aboutMinutes,
  expectedMs,
  planRounds,
  type RoundPlan,
  roundsOf,
  runnableSubjects,
} from './round_plan.ts';

const params: Params = { callers: 1, connections: 1, warmupMs: 1000, durationMs: 3000 };

function plan(subjects: readonly object[], more: Partial<RoundPlan> = {}): RoundPlan {
  const criteria = [{ subject: 'ours', peer: 'theirs' }];
  const scenario = { id: 'T1', params, subjects, criteria } as unknown as Scenario;
  return { scenario, params, rounds: 5, besideRounds: 3, only: [], ...more };
}

const both = [{ name: 'ours' }, { name: 'theirs' }];

test('runnableSubjects() are those that are built and asked for, and none when ours is not built', () => {
  const names = (one: RoundPlan): string[] => runnableSubjects(one).map(({ name }) => name);
  expect(names(plan(both))).toEqual(['ours', 'theirs']);
  expect(names(plan(both, { only: ['theirs'] }))).toEqual(['theirs']);
  expect(names(plan([{ name: 'ours', notBuilt: 'not yet' }, { name: 'theirs' }]))).toEqual([]);
});

test('roundsOf() are fewer for a subject that no criterion is about', () => {
  const three = plan([...both, { name: 'another' }]);
  expect(['ours', 'theirs', 'another'].map((name) => roundsOf(three, name))).toEqual([5, 5, 3]);
});

test('expectedMs() is that of all rounds of all subjects, with what is between them', () => {
  const [short, long] = [expectedMs(plan(both)), expectedMs(plan(both, { rounds: 10 }))];
  expect(short).toBeGreaterThan(5 * 2 * 4000);
  expect(short).toBeLessThan(5 * 2 * 5000);
  expect(long).toBe(2 * short);
});

test('expectedMs() of the whole table, without the fresh clones, is at most 50 minutes', () => {
  const table = SCENARIOS.filter(({ id }) => id !== 'S1' && id !== 'S2').map((scenario) =>
    planRounds({ scenario, params: scenario.params, only: [] }, { wholeTable: true }),
  );
  const minutes = table.reduce((sum, row) => sum + expectedMs(row), 0) / 60_000;
  expect(minutes).toBeLessThanOrEqual(50);
});

const longRounds = { ...plan([...both, { name: 'another' }]).scenario, rounds: 5, tableRounds: 2 };

test.each([
  ['a row by its name', {}, 3000, [5, 3]],
  ['a row of the whole table', { wholeTable: true }, 3000, [2, 2]],
  ['a row of the whole table in full', { wholeTable: true, profile: 'full' }, 3000, [5, 3]],
  ['as many as are asked for', { wholeTable: true, rounds: 7 }, 3000, [7, 7]],
  ['a row with long rounds', {}, 8000, [5, 1]],
  ['a quick look', { profile: 'quick' }, 500, [3, 3]],
  ['a quick look at what takes long', { profile: 'quick' }, 60_000, [1, 1]],
] as const)(
  'planRounds() of %s has the rounds that it should have',
  (_, asked, durationMs, rounds) => {
    const row = { scenario: longRounds, params: { ...params, durationMs }, only: [] };
    const { rounds: judged, besideRounds } = planRounds(row, { wholeTable: false, ...asked });
    expect([judged, Math.min(judged, besideRounds)]).toEqual(rounds);
  },
);

test.each(SCENARIOS.map((scenario) => [scenario.id, scenario] as const))(
  '%s has five rounds when it is run by its name, or is one of the three that say why not',
  (id, { rounds, subjects }) => {
    const built = subjects.some(({ notBuilt }) => notBuilt === undefined);
    if (built && !['S1', 'S2', 'S3'].includes(id)) expect(rounds).toBeGreaterThanOrEqual(5);
  },
);

test.each(SCENARIOS.map((scenario) => [scenario.id, scenario] as const))(
  'a round of %s has at least twice its usual time before it is given up',
  (_, scenario) => {
    const { limitMs, subjects, roundMs } = scenario;
    const load = loadMs(scenario.params);
    for (const { name } of subjects) {
      const usual = roundMs?.(scenario.params, name) ?? load;
      expect(limitMs ?? load + 60_000, name).toBeGreaterThanOrEqual(2 * usual);
    }
  },
);

test.each([
  [20_000, 'less than a minute'],
  [89_000, 'about 1 min'],
  [1_500_000, 'about 25 min'],
])('aboutMinutes(%i) is "%s"', (ms, text) => {
  expect(aboutMinutes(ms)).toBe(text);
});
