import type { Scenario, ScenarioGroup } from '../scenario/scenario.ts';

/**
 * A target that nothing in the product can be held against yet. It stands in the table all the same, as not built and not
 * met: a target that is left out looks like one that was reached.
 */
export function notBuiltScenario(row: {
  readonly id: string;
  readonly name: string;
  readonly group: ScenarioGroup;
  readonly question: string;
  readonly target: string;
  readonly missing: string;
}): Scenario {
  const { missing, ...texts } = row;
  return {
    ...texts,
    needs: [],
    takes: [],
    params: { callers: 1, connections: 1, warmupMs: 0, durationMs: 0 },
    rounds: 1,
    criteria: [{ metric: 'errors', subject: 'fynlo', op: '==', bound: 0 }],
    subjects: [
      {
        name: 'fynlo',
        settings: 'none',
        notBuilt: missing,
        round: () => Promise.reject(new Error(missing)),
      },
    ],
  };
}
