import type { HostLimits } from './_host_limits.ts';
import { type Criterion, type CriterionDefinition, judge } from './criterion.ts';
import type { Profile } from './profile.ts';
import { saturationCauses } from './saturation_policy.ts';
import type { DynamicPoolScalingResult, ScalingLevelResult } from './scaling_result.ts';

const scenario = 'scaling';

/** The criteria of scenario 1, from its numbers. */
export function scalingCriteria(
  result: DynamicPoolScalingResult,
  profile: Profile,
  limits: HostLimits,
): Criterion[] {
  return [
    ...result.levels.flatMap((level) => levelCriteria(level, limits)),
    ...efficiencyCriteria(result),
    ...rangeCriteria(result, profile),
  ];
}

function levelCriteria(result: ScalingLevelResult, limits: HostLimits): Criterion[] {
  const { level, evidence } = result;
  const skipped = level.reducedTo;
  const samples = result.response.count;
  const common = { scenario, hostSensitive: true } as const;
  const looks = result.size === null ? 0 : Math.round(level.measureMs / 250);
  const responseTime: CriterionDefinition = {
    ...common,
    id: `response-time-${level.name}`,
    metric: `response time, ${level.name} load`,
    statistic: 'p95',
    op: '<',
    threshold: level.responseP95Ms,
    unit: 'ms',
    minSamples: 100,
  };
  const utilization: CriterionDefinition = {
    ...common,
    id: `pool-utilization-${level.name}`,
    metric: `pool utilisation, ${level.name} load`,
    statistic: 'mean',
    op: 'within',
    threshold: level.utilization,
    unit: '%',
  };
  const size: CriterionDefinition = {
    ...common,
    id: `pool-size-${level.name}`,
    metric: `connections counted by the server, ${level.name} load`,
    statistic: 'mean',
    op: 'within',
    threshold: level.connections,
    unit: 'connections',
  };
  const cpu: CriterionDefinition = {
    ...common,
    id: `cpu-utilization-${level.name}`,
    metric: `process CPU ÷ available cores, ${level.name} load`,
    statistic: 'mean',
    op: '<',
    threshold: 70,
    unit: '%',
  };
  const causes = (thresholdMs?: number): string[] => saturationCauses(evidence, thresholdMs);
  return [
    judge(responseTime, {
      measured: samples === 0 ? null : result.response.p95,
      samples,
      ci95: result.responseP95Ci95 ?? undefined,
      saturation: causes(level.responseP95Ms),
      skipped,
      note: `p50 ${ms(result.response.p50)}, p99 ${ms(result.response.p99)}; p95 of the acquire wait ${ms(result.acquireWait.p95)}, of the statement ${ms(result.query.p95)}, from the intended start ${ms(result.responseFromIntended.p95)}`,
    }),
    judge(utilization, {
      measured: result.utilization === null ? null : 100 * result.utilization.mean,
      samples: looks,
      saturation: causes(),
      skipped,
    }),
    judge(size, {
      measured: result.serverConnections?.mean ?? null,
      samples: looks,
      saturation: causes(),
      skipped,
      note: `the pool itself counted ${result.size === null ? 'nothing' : `${result.size.min} to ${result.size.max}`}`,
    }),
    judge(cpu, {
      measured: result.usage.cpuPercentOfOneCore / limits.cores,
      samples: 1,
      saturation: causes(),
      skipped,
      note: `at ${result.offeredPerSecond.toFixed(0)} sessions a second`,
    }),
  ];
}

function efficiencyCriteria(result: DynamicPoolScalingResult): Criterion[] {
  const sum = (of: (level: ScalingLevelResult) => number): number =>
    result.levels.reduce((total, level) => total + of(level), 0);
  const acquires = sum((l) => l.acquires);
  const attempted = sum((l) => l.attempted);
  const percent = (part: number, whole: number): number | null =>
    whole === 0 ? null : (100 * part) / whole;
  return [
    judge(
      {
        id: 'connection-reuse',
        scenario,
        metric: '1 − connects ÷ acquires, steady windows',
        statistic: 'ratio',
        op: '>',
        threshold: 95,
        unit: '%',
        hostSensitive: false,
        minSamples: 100,
      },
      { measured: percent(acquires - sum((l) => l.connects), acquires), samples: acquires },
    ),
    judge(
      {
        id: 'checkout-success',
        scenario,
        metric: 'successful ÷ attempted checkouts, steady windows',
        statistic: 'ratio',
        op: '>',
        threshold: 95,
        unit: '%',
        hostSensitive: true,
        minSamples: 100,
      },
      {
        measured: percent(
          sum((l) => l.succeeded),
          attempted,
        ),
        samples: attempted,
      },
    ),
  ];
}

function rangeCriteria(result: DynamicPoolScalingResult, profile: Profile): Criterion[] {
  const { maxConnections, minConnections, reducedTo: skipped } = profile.scaling;
  const { quality, shrink } = result;
  const saturation = saturationCauses(
    result.levels.at(-1)?.evidence ?? {
      cpuPercent: 0,
      stealPercent: null,
      throttledPercent: null,
      cpuWaitPercent: null,
      ownCpuPercent: 0,
      wakeDelayP95Ms: null,
    },
  );
  const common = { scenario, hostSensitive: true } as const;
  return [
    judge(
      {
        ...common,
        id: 'pool-scaling-peak',
        metric: 'most connections counted by the server',
        statistic: 'peak',
        op: '>=',
        threshold: maxConnections,
        unit: 'connections',
      },
      {
        measured: quality?.peakServerConnections ?? null,
        samples: quality === null ? 0 : 1,
        saturation,
        skipped,
        note: quality === null ? undefined : `the pool itself counted ${quality.peakSize}`,
      },
    ),
    judge(
      {
        ...common,
        id: 'pool-scaling-return',
        metric: 'connections counted by the server after the load',
        statistic: 'last',
        op: '<=',
        threshold: minConnections,
        unit: 'connections',
      },
      {
        measured: shrink?.toServerConnections ?? null,
        samples: shrink === null ? 0 : 1,
        saturation,
        skipped,
        note:
          shrink === null || shrink.tookMs === null
            ? undefined
            : `back after ${(shrink.tookMs / 1000).toFixed(1)} s`,
      },
    ),
    judge(
      {
        ...common,
        id: 'pool-scaling-flapping',
        metric: 'turns of the pool size in one steady window',
        statistic: 'max',
        op: '<=',
        threshold: 1,
        unit: 'turns',
      },
      {
        measured:
          result.levels.length === 0
            ? null
            : Math.max(...result.levels.map((l) => l.directionChanges)),
        samples: result.levels.length,
        saturation,
      },
    ),
  ];
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 0)} ms`;
}
