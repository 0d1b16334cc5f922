import { exclusiveQuery } from '../scenarios/p06_exclusive_query.ts';
import { failingStatements } from '../scenarios/p07_failing_statements.ts';
import { coldSpike } from '../scenarios/p08_cold_spike.ts';
import type { Scenario } from './scenario.ts';

/** Every scenario, in the order of the target table. */
export const SCENARIOS: readonly Scenario[] = [exclusiveQuery, failingStatements, coldSpike];

export function scenarioById(idOrName: string): Scenario | undefined {
  return SCENARIOS.find(({ id, name }) => id === idOrName || name === idOrName);
}
