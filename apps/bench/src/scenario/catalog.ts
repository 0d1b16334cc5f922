import type { Scenario } from './scenario.ts';

/** Every scenario, in the order of the target table. */
export const SCENARIOS: readonly Scenario[] = [];

export function scenarioById(idOrName: string): Scenario | undefined {
  return SCENARIOS.find(({ id, name }) => id === idOrName || name === idOrName);
}
