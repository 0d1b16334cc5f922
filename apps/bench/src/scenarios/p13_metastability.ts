import type { Scenario } from '../scenario/scenario.ts';
import { notBuiltScenario } from './not_built.ts';

export const metastability: Scenario = notBuiltScenario({
  id: 'P13',
  name: 'metastability',
  group: 'pool',
  question:
    'Do several processes come back by themselves after the database ran at 5 % speed for four seconds?',
  target: '>= 90 % of throughput within 10 s, size <= 3x before',
  missing: 'the bench has no load of several processes on one slowed server',
});
