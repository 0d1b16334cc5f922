/** The scenarios, in the order they run: the one that kills the server comes last. */
export const SCENARIOS = [
  'dynamic-pool-scaling',
  'resource-optimization',
  'cache-performance',
  'memory-management',
  'auto-recovery',
] as const;

export type ScenarioName = (typeof SCENARIOS)[number];

/**
 * Share of each scenario in the score. Recovery has none of its own: it is a property of the pool, judged by criteria
 * that count in the verdict like all others.
 */
export const SCENARIO_WEIGHTS: Readonly<Record<ScenarioName, number>> = {
  'dynamic-pool-scaling': 40,
  'resource-optimization': 40,
  'cache-performance': 15,
  'memory-management': 5,
  'auto-recovery': 0,
};
