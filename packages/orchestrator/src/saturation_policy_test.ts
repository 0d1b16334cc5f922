import { describe, expect, it } from 'vitest';
import { type HostEvidence, saturationCauses } from './saturation_policy.ts';

const quiet: HostEvidence = {
  cpuPercent: 40,
  stealPercent: 0.2,
  throttledPercent: null,
  cpuWaitPercent: 3,
  ownCpuPercent: 20,
  wakeDelayP95Ms: 0.3,
};

describe('saturationCauses()', () => {
  it('finds none on a quiet machine', () => {
    expect(saturationCauses(quiet, 1)).toEqual([]);
  });

  it.each<[string, Partial<HostEvidence>, number | undefined, RegExp]>([
    ['steal', { stealPercent: 12.34 }, undefined, /12\.3 % .*steal/],
    ['a CPU quota', { throttledPercent: 30 }, undefined, /quota .* 30\.0 %/],
    ['waiting for a CPU', { cpuWaitPercent: 41.6 }, undefined, /wait for a CPU 42 %/],
    ['other processes', { cpuPercent: 99, ownCpuPercent: 10 }, undefined, /89 % of the machine/],
    ['late wake-ups', { wakeDelayP95Ms: 0.7 }, 1, /0\.70 ms late/],
  ])('names %s with its number', (_, change, threshold, text) => {
    const causes = saturationCauses({ ...quiet, ...change }, threshold);
    expect(causes).toHaveLength(1);
    expect(causes[0]).toMatch(text);
  });

  it('does not accept this process itself as an excuse', () => {
    expect(saturationCauses({ ...quiet, cpuPercent: 100, ownCpuPercent: 90 }, 1)).toEqual([]);
  });

  it('holds late wake-ups against the threshold at stake', () => {
    expect(saturationCauses({ ...quiet, wakeDelayP95Ms: 2 }, 5)).toEqual([]);
    expect(saturationCauses({ ...quiet, wakeDelayP95Ms: 2 }, 2)).toHaveLength(1);
    expect(saturationCauses({ ...quiet, wakeDelayP95Ms: 200 })).toEqual([]);
  });
});
