import { describe, expect, it } from 'vitest';
import { scalingCriteria } from './_scaling_criteria.ts';
import { LatencyHistogram } from './latency_histogram.ts';
import { PROFILES } from './profile.ts';
import type { DynamicPoolScalingResult, ScalingLevelResult } from './scaling_result.ts';

const limits = { memoryBytes: 1e9, memorySource: 'total-ram', cores: 2, coresSource: 'machine' };

function latency(ms: number, count = 500) {
  const histogram = new LatencyHistogram();
  for (let i = 0; i < count; i++) histogram.record(ms);
  return histogram.summary();
}

/** What was meant to happen at a level. */
function level(name: 'low' | 'medium' | 'high', change: Partial<ScalingLevelResult> = {}) {
  const wanted = PROFILES.full.scaling.levels.find((l) => l.name === name);
  if (wanted === undefined) throw new Error(name);
  const size = (wanted.connections[0] + wanted.connections[1]) / 2;
  const share = (wanted.utilization[0] + wanted.utilization[1]) / 200;
  return {
    level: wanted,
    offeredPerSecond: 100,
    response: latency(wanted.responseP95Ms * 0.5),
    responseP95Ci95: null,
    responseFromIntended: latency(wanted.responseP95Ms * 0.6),
    acquireWait: latency(0.01),
    query: latency(0.3),
    attempted: 500,
    succeeded: 500,
    acquires: 500,
    connects: 1,
    directionChanges: 0,
    utilization: { min: share, mean: share, max: share },
    size: { min: size, mean: size, max: size },
    serverConnections: { min: size, mean: size, max: size },
    usage: { cpuPercentOfOneCore: 40 },
    evidence: {
      cpuPercent: 40,
      stealPercent: 0,
      throttledPercent: null,
      cpuWaitPercent: 2,
      ownCpuPercent: 20,
      wakeDelayP95Ms: 0.2,
    },
    ...change,
  } as ScalingLevelResult;
}

function result(change: Partial<DynamicPoolScalingResult> = {}): DynamicPoolScalingResult {
  return {
    levels: [level('low'), level('medium'), level('high')],
    quality: { peakSize: 500, peakServerConnections: 500 },
    shrink: { toServerConnections: 10, tookMs: 30_000 },
    ...change,
  } as DynamicPoolScalingResult;
}

const verdicts = (of: DynamicPoolScalingResult, profile = PROFILES.full) =>
  Object.fromEntries(scalingCriteria(of, profile, limits).map((c) => [c.id, c.verdict]));

describe('the criteria of scenario 1', () => {
  it('pass for a pool that did what the brief wants', () => {
    expect(new Set(Object.values(verdicts(result())))).toEqual(new Set(['pass']));
  });

  it.each<[string, Partial<DynamicPoolScalingResult>, string]>([
    ['a slow level', { levels: [level('high', { response: latency(5.2) })] }, 'response-time-high'],
    [
      'a pool that is too large for its load',
      { levels: [level('medium', { utilization: { min: 0.1, mean: 0.2, max: 0.3 } })] },
      'pool-utilization-medium',
    ],
    [
      'a pool whose connections the server does not see',
      { levels: [level('high', { serverConnections: { min: 10, mean: 12, max: 20 } })] },
      'pool-size-high',
    ],
    ['reconnecting', { levels: [level('low', { connects: 60 })] }, 'connection-reuse'],
    ['lost checkouts', { levels: [level('low', { succeeded: 400 })] }, 'checkout-success'],
    [
      'a pool that stayed below the maximum',
      { quality: { peakSize: 500, peakServerConnections: 480 } as never },
      'pool-scaling-peak',
    ],
    [
      'a pool that stayed large',
      { shrink: { toServerConnections: 60, tookMs: null } as never },
      'pool-scaling-return',
    ],
    ['flapping', { levels: [level('low', { directionChanges: 3 })] }, 'pool-scaling-flapping'],
  ])('fail for %s', (_, change, id) => {
    expect(verdicts(result(change))[id]).toBe('fail');
  });

  it('are inconclusive for a slow level on a machine that was busy with others', () => {
    const slow = level('low', { response: latency(1.5) });
    const busy = { ...slow, evidence: { ...slow.evidence, cpuWaitPercent: 60 } };
    const criteria = scalingCriteria(result({ levels: [busy] }), PROFILES.full, limits);
    const judged = criteria.find((c) => c.id === 'response-time-low');
    expect(judged).toMatchObject({ verdict: 'inconclusive' });
    expect(judged?.reason).toContain('wait for a CPU 60 %');
  });

  it('are skipped, with the reason, for what a smaller profile does not show', () => {
    const judged = verdicts(result(), PROFILES.ci);
    expect(judged['pool-scaling-peak']).toBe('skipped');
    expect(judged['pool-scaling-return']).toBe('skipped');
    expect(judged['response-time-low']).toBe('pass');
  });
});
