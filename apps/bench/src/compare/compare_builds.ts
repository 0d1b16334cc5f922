import type { MetricName, Metrics } from '../measure/metric.ts';
import { roundOrder } from '../rounds/round_order.ts';
import { runRound } from '../rounds/round_runner.ts';
import type { Params, Scenario, Subject } from '../scenario/scenario.ts';
import { mannWhitney } from '../statistics/mann_whitney.ts';
import { whyNotAnswered } from '../verdict/verdict.ts';
import { type Change, decide, type RawChange } from './compare.ts';
import type { Build } from './git_build.ts';

export interface BuildComparison {
  readonly builds: readonly [Build, Build];
  readonly scenarios: readonly { readonly scenario: Scenario; readonly params: Params }[];
  /** Only these subjects; all that a criterion is about when empty. */
  readonly only: readonly string[];
  readonly rounds: number;
  readonly seed: number;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly signal: AbortSignal;
  onRound?(scenario: Scenario, subject: Subject, build: Build, done: number, total: number): void;
}

/**
 * Runs our subjects of each scenario from both builds in turns (A B, B A, ...), so that whatever the machine does in
 * the meantime happens to both, and compares the criteria's metrics.
 */
export async function compareBuilds(comparison: BuildComparison): Promise<Change[]> {
  const raw: RawChange[] = [];
  const { only } = comparison;
  for (const { scenario, params } of comparison.scenarios) {
    const ours = new Set(scenario.criteria.map(({ subject }) => subject));
    for (const subject of scenario.subjects) {
      if (!ours.has(subject.name) || (only.length > 0 && !only.includes(subject.name))) continue;
      raw.push(...(await compareSubject(comparison, scenario, params, subject)));
    }
  }
  return decide(raw);
}

async function compareSubject(
  comparison: BuildComparison,
  scenario: Scenario,
  params: Params,
  subject: Subject,
): Promise<RawChange[]> {
  const { builds, rounds, seed, databaseUrl, redisUrl, signal } = comparison;
  if (subject.notBuilt !== undefined) return [];
  await scenario.setup?.(comparison);
  const found = new Map<Build, Metrics[]>(builds.map((build) => [build, []]));
  const order = roundOrder(builds, rounds);
  for (const [position, { round, subject: build }] of order.entries()) {
    const context = { databaseUrl, redisUrl, params, seed: seed + round };
    const { metrics } = await runRound(scenario, subject, context, signal, build.roundProcess);
    found.get(build)?.push(metrics);
    comparison.onRound?.(scenario, subject, build, position + 1, order.length);
  }
  const metrics = new Set(
    scenario.criteria.filter((c) => c.subject === subject.name).map(({ metric }) => metric),
  );
  return [...metrics].flatMap((metric) => {
    if (whyNotAnswered(metric, params) !== undefined) return [];
    const [a, b] = builds.map((build) => valuesOf(found.get(build) ?? [], metric)) as [
      number[],
      number[],
    ];
    if (a.length === 0 || b.length === 0) return [];
    return [
      { scenario: scenario.id, metric, subject: subject.name, pValue: mannWhitney(a, b), a, b },
    ];
  });
}

function valuesOf(rounds: readonly Metrics[], metric: MetricName): number[] {
  return rounds.flatMap((metrics) => metrics[metric] ?? []);
}
