import type { HostLimits } from './_host_limits.ts';
import { type Criterion, judge } from './criterion.ts';
import type { ResourceProfile } from './profile.ts';
import type { ResourceOptimizationResult, ResourcePhase } from './resource_result.ts';
import { saturationCauses } from './saturation_policy.ts';

const scenario = 'resources';

/** The criteria of scenario 2: the targets have to be met by the phase with the optimizer. */
export function resourceCriteria(
  result: ResourceOptimizationResult,
  limits: HostLimits,
  /** Highest RSS of the whole run so far, MiB. */
  peakRssMb: number,
  profile: ResourceProfile,
): Criterion[] {
  const skipped = profile.reducedTo;
  const phase = result.phases.find((p) => p.optimizer === 'with');
  const without = result.phases.find((p) => p.optimizer === 'without');
  const saturation = phase === undefined ? [] : saturationCauses(phase.evidence);
  const beside = (of: (phase: ResourcePhase) => string): string | undefined =>
    without === undefined ? undefined : `without the optimizer ${of(without)}`;
  return [
    judge(
      {
        id: 'memory-usage',
        scenario,
        metric: `peak RSS of the process ÷ its memory limit (${limits.memorySource})`,
        statistic: 'peak',
        op: '<',
        threshold: 80,
        unit: '%',
        hostSensitive: false,
      },
      {
        skipped,
        measured:
          phase === undefined
            ? null
            : (100 * Math.max(peakRssMb, phase.rssPeakMb) * 1024 * 1024) / limits.memoryBytes,
        samples: phase === undefined ? 0 : 1,
        note:
          phase === undefined
            ? undefined
            : `kept after a burst: ${phase.rssAfterBurstMb.toFixed(0)} MiB; ${beside((p) => `${p.rssAfterBurstMb.toFixed(0)} MiB`)}`,
      },
    ),
    judge(
      {
        id: 'cpu-utilization',
        scenario,
        metric: 'process CPU ÷ available cores over the load phase',
        statistic: 'mean',
        op: '<',
        threshold: 70,
        unit: '%',
        hostSensitive: true,
      },
      {
        skipped,
        measured: phase === undefined ? null : phase.usage.cpuPercentOfOneCore / limits.cores,
        samples: phase === undefined ? 0 : 1,
        saturation,
        note:
          phase === undefined
            ? undefined
            : `at ${phase.offeredPerSecond} requests a second; ${beside((p) => `${(p.usage.cpuPercentOfOneCore / limits.cores).toFixed(1)} %`)}`,
      },
    ),
    judge(
      {
        id: 'network-reuse',
        scenario,
        metric: '1 − connects ÷ acquires, last third of the load',
        statistic: 'ratio',
        op: '>',
        threshold: 95,
        unit: '%',
        hostSensitive: false,
        minSamples: 50,
      },
      {
        skipped: skipped ?? profile.fewWaves,
        measured:
          phase === undefined || phase.steadyReuse === null ? null : 100 * phase.steadyReuse,
        samples: phase?.steadyAcquires ?? 0,
        note: beside((p) => `${(100 * (p.steadyReuse ?? 0)).toFixed(1)} %`),
      },
    ),
    judge(
      {
        id: 'gc-pause',
        scenario,
        metric: 'pause of one garbage collection under load',
        statistic: 'p99',
        op: '<',
        threshold: 10,
        unit: 'ms',
        hostSensitive: true,
      },
      {
        skipped,
        measured: phase === undefined ? null : phase.usage.gc.pause.p99,
        samples: phase?.usage.gc.collections ?? 0,
        saturation,
        note: beside((p) => `${p.usage.gc.pause.p99.toFixed(1)} ms`),
      },
    ),
  ];
}
