import {
  SCENARIO_TITLES,
  SCENARIO_WEIGHTS,
  SCENARIOS,
  type ScenarioName,
} from '@fynlo/orchestrator';

export type FullRunName = ScenarioName;

const SUMMARIES: Readonly<Record<ScenarioName, string>> = {
  scaling: 'up to 500 real connections at three load levels, and back',
  resources: 'memory, CPU, network and GC without and with the optimizer',
  cache: 'Redis tuning, invalidation, hit ratio, response time',
  memory: 'injected leaks are found, named and stopped; healthy loads stay quiet',
  recovery: 'the server is killed and comes back; connections fall silent',
};

/** The scenarios of the full run, as the command line names them; the orchestrator owns them. */
export const FULL_RUN = SCENARIOS.map((name) => ({
  name,
  title: SCENARIO_TITLES[name],
  weight: SCENARIO_WEIGHTS[name],
  summary: SUMMARIES[name],
}));
