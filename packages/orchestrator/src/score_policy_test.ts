import { describe, expect, it } from 'vitest';
import type { Criterion, Verdict } from './criterion.ts';
import type { ScenarioName } from './scenario.ts';
import { scoreOf } from './score_policy.ts';

const criterion = (scenario: ScenarioName, verdict: Verdict): Criterion => ({
  id: `${scenario}-${verdict}`,
  scenario,
  metric: 'm',
  statistic: 's',
  op: '<',
  threshold: 1,
  unit: 'ms',
  measured: 1,
  samples: 1,
  ci95: null,
  verdict,
  reason: '',
});

describe('scoreOf()', () => {
  it('weighs scenarios by the brief, and only what was decided', () => {
    const score = scoreOf([
      criterion('scaling', 'pass'),
      criterion('scaling', 'fail'),
      criterion('scaling', 'skipped'),
      criterion('cache', 'pass'),
    ]);
    // 20 of 40 and 15 of 15; resources and memory were not run.
    expect(score.percent).toBeCloseTo((100 * 35) / 55, 6);
    expect(score.scenarios.find((s) => s.scenario === 'scaling')).toMatchObject({
      verdict: 'fail',
      passed: 1,
      failed: 1,
      skipped: 1,
      points: 20,
    });
  });

  it('gives nothing for what could not be shown', () => {
    expect(scoreOf([criterion('memory', 'inconclusive')]).percent).toBe(0);
  });

  it('knows no score when all was skipped, and recovery has no points of its own', () => {
    expect(scoreOf([criterion('scaling', 'skipped')]).percent).toBeNull();
    expect(scoreOf([criterion('recovery', 'pass')]).percent).toBeNull();
  });
});
