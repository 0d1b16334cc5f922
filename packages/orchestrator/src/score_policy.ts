import { type Criterion, overallVerdict, type Verdict } from './criterion.ts';
import { SCENARIO_TITLES, SCENARIO_WEIGHTS, SCENARIOS, type ScenarioName } from './scenario.ts';

/** How one scenario did. */
export interface ScenarioScore {
  readonly scenario: ScenarioName;
  readonly title: string;
  readonly weight: number;
  readonly verdict: Verdict;
  readonly passed: number;
  readonly failed: number;
  readonly inconclusive: number;
  readonly skipped: number;
  /** Share of its decided criteria that passed, times the weight; `null` when none was decided. */
  readonly points: number | null;
}

export interface Score {
  readonly scenarios: readonly ScenarioScore[];
  /** Points reached ÷ points that could have been, in percent; `null` when nothing was decided. */
  readonly percent: number | null;
}

/**
 * The weighted score. A skipped criterion counts neither way, and an inconclusive one earns nothing: it was asked and
 * could not be shown.
 */
export function scoreOf(criteria: readonly Criterion[]): Score {
  const scenarios = SCENARIOS.map((scenario): ScenarioScore => {
    const own = criteria.filter((c) => c.scenario === scenario);
    const count = (verdict: Verdict): number => own.filter((c) => c.verdict === verdict).length;
    const passed = count('pass');
    const decided = own.length - count('skipped');
    const weight = SCENARIO_WEIGHTS[scenario];
    return {
      scenario,
      title: SCENARIO_TITLES[scenario],
      weight,
      verdict: overallVerdict(own),
      passed,
      failed: count('fail'),
      inconclusive: count('inconclusive'),
      skipped: count('skipped'),
      points: decided === 0 ? null : (weight * passed) / decided,
    };
  });
  const scored = scenarios.filter((s) => s.points !== null && s.weight > 0);
  const possible = scored.reduce((sum, s) => sum + s.weight, 0);
  const reached = scored.reduce((sum, s) => sum + (s.points ?? 0), 0);
  return { scenarios, percent: possible === 0 ? null : (100 * reached) / possible };
}
