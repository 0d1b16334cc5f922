/** The scenarios, in the order they run: the one that kills the server comes last. */
export const SCENARIOS = ['scaling', 'resources', 'cache', 'memory', 'recovery'] as const;

export type ScenarioName = (typeof SCENARIOS)[number];

export const SCENARIO_TITLES: Readonly<Record<ScenarioName, string>> = {
  scaling: 'Dynamic pool scaling',
  resources: 'Resource optimisation',
  cache: 'Cache performance',
  memory: 'Memory management',
  recovery: 'Auto-recovery',
};

/**
 * Share of each scenario in the score. Recovery has none of its own: it is a property of the pool, judged by criteria
 * that count in the verdict like all others.
 */
export const SCENARIO_WEIGHTS: Readonly<Record<ScenarioName, number>> = {
  scaling: 40,
  resources: 40,
  cache: 15,
  memory: 5,
  recovery: 0,
};
