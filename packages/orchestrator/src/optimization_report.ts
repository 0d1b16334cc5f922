import { type Criterion, type Verdict, wanted } from './criterion.ts';
import type { EnvironmentReport } from './environment_report.ts';
import type { OptimizationRun } from './optimization_run.ts';
import type { ProfileName } from './profile.ts';
import { type Recommendation, recommend } from './recommendation_policy.ts';
import { type ScenarioScore, scoreOf } from './score_policy.ts';

/** One thing the numbers show, in a sentence with the numbers in it. */
export interface Finding {
  readonly scenario: string;
  readonly text: string;
}

/** What a run means: criteria, analysis, recommendations. */
export interface OptimizationReport {
  /** Milliseconds since the Unix epoch. */
  readonly generatedAt: number;
  readonly profile: ProfileName;
  readonly seed: number;
  readonly partial: boolean;
  readonly partialReason: string | null;
  readonly verdict: Verdict;
  /** Points reached ÷ points that could have been, percent; `null` when nothing was decided. */
  readonly scorePercent: number | null;
  readonly scenarios: readonly ScenarioScore[];
  readonly criteria: readonly Criterion[];
  readonly analysis: readonly Finding[];
  readonly recommendations: readonly Recommendation[];
  readonly environment: EnvironmentReport;
}

export function optimizationReport(run: OptimizationRun, now: number): OptimizationReport {
  const score = scoreOf(run.criteria);
  return {
    generatedAt: now,
    profile: run.profile,
    seed: run.seed,
    partial: run.partial,
    partialReason: run.partialReason,
    verdict: run.verdict,
    scorePercent: score.percent,
    scenarios: score.scenarios,
    criteria: run.criteria,
    analysis: [
      ...scalingFindings(run),
      ...resourceFindings(run),
      ...cacheFindings(run),
      ...recoveryFindings(run),
      ...failureFindings(run),
    ],
    recommendations: recommend(run),
    environment: run.environment,
  };
}

function scalingFindings({ scenarios: { scaling } }: OptimizationRun): Finding[] {
  if (scaling === null) return [];
  const findings: string[] = [];
  const { quality, shrink } = scaling;
  if (quality !== null) {
    const server =
      quality.peakServerConnections === null
        ? 'the server could not be asked'
        : `${quality.peakServerConnections} counted by the server`;
    findings.push(
      `The pool grew from ${quality.startSize} to ${quality.peakSize} connections (${server}) for at most ${quality.peakLeased} leased at once, its largest ${seconds(quality.timeToPeakMs)} after the first level began; it opened ${scaling.totalConnects} in all, ${scaling.connectsWasted} more than were ever needed together.`,
    );
  }
  if (shrink !== null) {
    findings.push(
      shrink.tookMs === null
        ? `After the load it was still at ${shrink.toSize} connections when ${seconds(shrink.deadlineMs)} were over.`
        : `After the load it was back at ${shrink.toSize} connections in ${seconds(shrink.tookMs)}, of which connections have to be idle for ${scaling.settings['idleTimeoutMs']} ms.`,
    );
  }
  const reasons = new Map<string, number>();
  for (const { reason } of scaling.scalingEvents)
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  if (reasons.size > 0) {
    findings.push(
      `${scaling.scalingEvents.length} decisions about its size are recorded: ${[...reasons].map(([reason, count]) => `${reason} ${count}`).join(', ')}.`,
    );
  }
  for (const one of scaling.levels) {
    const { level, response, acquireWait, query, utilization, following } = one;
    findings.push(
      `${level.name}: p95 ${ms(response.p95)} (p50 ${ms(response.p50)}, p99 ${ms(response.p99)}) over ${response.count} responses at ${utilization === null ? 'unknown' : `${(100 * utilization.mean).toFixed(0)} %`} utilisation; acquire wait p95 ${ms(acquireWait.p95)}, query p95 ${ms(query.p95)}.`,
    );
    if (following !== null) {
      const { timeToScaleMs, overshoot, connects, connectsWasted } = following;
      findings.push(
        `${level.name}: scaled to ${following.peakSize} for ${following.peakLeased} leased at once in ${seconds(timeToScaleMs)} (${seconds(level.rampMs)} of it the ramp), overshoot ${overshoot}, ${connects} connects of which ${connectsWasted} wasted, ${one.directionChanges} turns in the steady part.`,
      );
    }
  }
  return findings.map((text) => ({ scenario: 'scaling', text }));
}

function resourceFindings({ scenarios: { resources } }: OptimizationRun): Finding[] {
  return (resources?.comparison ?? [])
    .filter((line) => line.ratio !== null)
    .map((line) => ({
      scenario: 'resources',
      text: `${line.metric}: ${number(line.without)} ${line.unit} without the optimizer, ${number(line.with)} with it (${number(line.ratio)}×).`,
    }));
}

function cacheFindings({ scenarios: { cache } }: OptimizationRun): Finding[] {
  const findings: string[] = [];
  const { workload, invalidation } = cache ?? {};
  if (workload) {
    const { hits, misses } = workload.metrics;
    findings.push(
      `${workload.offered} reads of ${workload.distinctKeys} keys: ${hits.local} answered in process, ${hits.redis} by Redis, ${misses} by PostgreSQL; hit ratio ${(100 * workload.hitRatio).toFixed(2)} % of ${(100 * workload.achievableHitRatio).toFixed(2)} % possible, mean ${ms(workload.response.mean)}.`,
    );
  }
  if (invalidation) {
    findings.push(
      `${invalidation.keys} keys invalidated in ${seconds(invalidation.tookMs)} (${invalidation.keysPerSecond.toFixed(0)} a second); ${invalidation.staleHere} old values here afterwards; the other node was coherent ${invalidation.coherentAfterMs === null ? 'never' : `after ${ms(invalidation.coherentAfterMs)}`}.`,
    );
  }
  return findings.map((text) => ({ scenario: 'cache', text }));
}

function recoveryFindings({ scenarios: { recovery } }: OptimizationRun): Finding[] {
  const episodes = [
    ['killed and restarted server', recovery?.restart],
    ['silently cut connections', recovery?.cut],
  ] as const;
  return episodes.flatMap(([what, episode]) =>
    episode
      ? [
          {
            scenario: 'recovery',
            text: `${what}: first success ${episode.firstSuccessMs === null ? 'never' : `after ${ms(episode.firstSuccessMs)}`}, steady rate ${episode.toSteadyMs === null ? 'never' : `after ${ms(episode.toSteadyMs)}`}; ${episode.failed} requests failed, ${episode.unfinished} had no answer.`,
          },
        ]
      : [],
  );
}

function failureFindings({ criteria }: OptimizationRun): Finding[] {
  return criteria
    .filter((c) => c.verdict === 'fail' || c.verdict === 'inconclusive')
    .map((c) => ({
      scenario: c.scenario,
      text: `${c.verdict === 'fail' ? 'Failed' : 'Undecided'}: ${c.metric} (${c.statistic}), wanted ${wanted(c)}: ${c.reason}.`,
    }));
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;
}

function seconds(value: number): string {
  return `${(value / 1000).toFixed(1)} s`;
}

function number(value: number | null): string {
  return value === null ? 'unknown' : String(Number(value.toPrecision(3)));
}
