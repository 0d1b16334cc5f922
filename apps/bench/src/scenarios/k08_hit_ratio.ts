import type { Scenario } from '../scenario/scenario.ts';
import { notBuiltScenario } from './not_built.ts';

export const hitRatio: Scenario = notBuiltScenario({
  id: 'K8',
  name: 'hit-ratio',
  group: 'cache',
  question:
    'Which share of requests of real workloads does the in-process level answer, against LRU, ARC and S3-FIFO?',
  target: 'mean at or above S3-FIFO, no row > 2 points under LRU',
  missing: 'the public traces (OLTP, web07, web12) are not fetched by the bench',
});
