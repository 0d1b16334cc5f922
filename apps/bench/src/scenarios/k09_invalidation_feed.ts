import type { Scenario } from '../scenario/scenario.ts';
import { notBuiltScenario } from './not_built.ts';

export const invalidationFeed: Scenario = notBuiltScenario({
  id: 'K9',
  name: 'invalidation-feed',
  group: 'cache',
  question: 'What does the invalidation feed cost the write rate of PostgreSQL?',
  target: '>= 0.65x of no feed, >= 2.5x of a NOTIFY trigger',
  missing: 'cache-enhancer has no PostgreSQL feed',
});
