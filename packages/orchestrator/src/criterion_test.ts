import { describe, expect, it } from 'vitest';
import { type CriterionDefinition, judge, overallVerdict, wanted } from './criterion.ts';

const latency: CriterionDefinition = {
  id: 'response-time-low',
  scenario: 'scaling',
  metric: 'response time',
  statistic: 'p95',
  op: '<',
  threshold: 1,
  unit: 'ms',
  hostSensitive: true,
  minSamples: 100,
};

describe('judge()', () => {
  it.each<[CriterionDefinition['op'], CriterionDefinition['threshold'], number, string]>([
    ['<', 1, 0.999, 'pass'],
    ['<', 1, 1, 'fail'],
    ['<=', 1, 1, 'pass'],
    ['>', 95, 95, 'fail'],
    ['>=', 95, 95, 'pass'],
    ['=', 0, 0, 'pass'],
    ['=', 0, 1, 'fail'],
    ['within', [20, 40], 20, 'pass'],
    ['within', [20, 40], 40.1, 'fail'],
  ])('decides %s %s for %s as %s', (op, threshold, measured, verdict) => {
    expect(judge({ ...latency, op, threshold }, { measured, samples: 500 }).verdict).toBe(verdict);
  });

  it('is inconclusive, naming the cause, when a sensitive criterion fails on a saturated machine', () => {
    const judged = judge(latency, { measured: 4, samples: 500, saturation: ['steal was 20 %'] });
    expect(judged.verdict).toBe('inconclusive');
    expect(judged.reason).toContain('steal was 20 %');
  });

  it('fails on a saturated machine what no machine could make worse', () => {
    const measurement = { measured: 4, samples: 500, saturation: ['steal was 20 %'] };
    expect(judge({ ...latency, hostSensitive: false }, measurement).verdict).toBe('fail');
  });

  it('lets a pass on a saturated machine stand', () => {
    const measurement = { measured: 0.5, samples: 500, saturation: ['steal was 20 %'] };
    expect(judge(latency, measurement).verdict).toBe('pass');
  });

  it('is inconclusive with too few samples, or with none', () => {
    expect(judge(latency, { measured: 0.1, samples: 99 }).verdict).toBe('inconclusive');
    expect(judge(latency, { measured: null, samples: 500 }).verdict).toBe('inconclusive');
    expect(judge(latency, { measured: Number.NaN, samples: 500 }).verdict).toBe('inconclusive');
  });

  it('never passes what was skipped, and still shows the number', () => {
    const judged = judge(latency, { measured: 0.1, samples: 500, skipped: 'a small profile' });
    expect(judged).toMatchObject({ verdict: 'skipped', reason: 'a small profile', measured: 0.1 });
  });
});

describe('overallVerdict()', () => {
  it.each([
    [['pass', 'fail', 'inconclusive'], 'fail'],
    [['pass', 'inconclusive', 'skipped'], 'inconclusive'],
    [['pass', 'skipped'], 'pass'],
    [['skipped'], 'skipped'],
    [[], 'skipped'],
  ] as const)('of %s is %s', (verdicts, overall) => {
    expect(overallVerdict(verdicts.map((verdict) => ({ verdict })))).toBe(overall);
  });
});

describe('wanted()', () => {
  it('says the demand as a reader would', () => {
    expect(wanted(latency)).toBe('< 1 ms');
    expect(wanted({ op: 'within', threshold: [20, 40], unit: '%' })).toBe('within 20 and 40 %');
  });
});
