import { ExitCode } from '../cli/exit_code.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { timeInFreshClone } from './fresh_clone.ts';

export const freshStart: Scenario = {
  id: 'S1',
  name: 'fresh-start',
  group: 'start',
  question: 'How long does `npm start` take in a fresh clone with empty caches?',
  target: '<= 5 minutes, first line of progress within 5 s',
  needs: [],
  takes: [],
  params: { callers: 1, connections: 500, warmupMs: 0, durationMs: 0 },
  limitMs: 900_000,
  // One: five would take as many fresh clones and more than an hour (-n 5 does).
  rounds: 1,
  criteria: [
    { metric: 'seconds', subject: 'npm start', op: '<=', bound: 300 },
    { metric: 'firstLineMs', subject: 'npm start', op: '<=', bound: 5000 },
  ],
  subjects: [
    {
      name: 'npm start',
      settings: 'fresh clone of HEAD, own home folder',
      round: ({ signal }) => timeInFreshClone(['start'], [ExitCode.ok, ExitCode.threshold], signal),
    },
  ],
};
