import { ExitCode } from '../cli/exit_code.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { timeInFreshClone } from './fresh_clone.ts';

export const freshTest: Scenario = {
  id: 'S2',
  name: 'fresh-test',
  group: 'start',
  question: 'How long does `npm test` take in a fresh clone with empty caches?',
  target: '<= 10 minutes',
  needs: [],
  takes: [],
  params: { callers: 1, connections: 1, warmupMs: 0, durationMs: 0 },
  limitMs: 1_200_000,
  // One: five would take as many fresh clones and more than an hour (-n 5 does).
  rounds: 1,
  criteria: [{ metric: 'seconds', subject: 'npm test', op: '<=', bound: 600 }],
  subjects: [
    {
      name: 'npm test',
      settings: 'fresh clone of HEAD, own home folder',
      round: ({ signal }) => timeInFreshClone(['test'], [ExitCode.ok], signal),
    },
  ],
};
