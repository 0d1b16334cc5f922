import type { MetricName } from '../measure/metric.ts';
import type { ResultFile, ScenarioResult } from '../results/result_file.ts';
import { whyNotAnswered } from '../verdict/verdict.ts';

/** A criterion with what each round gave: a ratio where there is a peer, else the number itself. */
export interface SampledCriterion {
  readonly scenario: string;
  readonly metric: MetricName;
  readonly subject: string;
  readonly peer?: string;
  readonly samples: readonly number[];
}

/** Every criterion that was measured, once. */
export function comparableSamples({
  scenarios,
}: Pick<ResultFile, 'scenarios'>): SampledCriterion[] {
  const seen = new Set<string>();
  return scenarios.flatMap((scenario) =>
    scenario.criteria.flatMap(({ criterion: { metric, subject, peer } }) => {
      const key = keyOf({
        scenario: scenario.id,
        metric,
        subject,
        ...(peer === undefined ? {} : { peer }),
      });
      const samples = samplesOf(scenario, metric, subject, peer);
      const unanswered = whyNotAnswered(metric, scenario.params) !== undefined;
      if (seen.has(key) || samples.length === 0 || unanswered) return [];
      seen.add(key);
      return [
        {
          scenario: scenario.id,
          metric,
          subject,
          ...(peer === undefined ? {} : { peer }),
          samples,
        },
      ];
    }),
  );
}

export function keyOf({
  scenario,
  metric,
  subject,
  peer,
}: Omit<SampledCriterion, 'samples'>): string {
  return `${scenario} ${metric} ${subject} / ${peer ?? ''}`;
}

function samplesOf(
  scenario: ScenarioResult,
  metric: MetricName,
  subject: string,
  peer: string | undefined,
): number[] {
  const rounds = (name: string): Map<number, number | undefined> =>
    new Map(
      (scenario.subjects.find((s) => s.name === name)?.rounds ?? []).map((r) => [
        r.round,
        r.metrics[metric],
      ]),
    );
  const theirs = peer === undefined ? undefined : rounds(peer);
  return [...rounds(subject)].flatMap(([round, value]) => {
    if (value === undefined) return [];
    if (theirs === undefined) return [value];
    const other = theirs.get(round);
    return other === undefined || other === 0 ? [] : [value / other];
  });
}
