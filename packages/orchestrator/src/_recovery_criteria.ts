import { type Criterion, type CriterionDefinition, judge } from './criterion.ts';
import type { AutoRecoveryResult, RecoveryEpisode } from './recovery_result.ts';
import { saturationCauses } from './saturation_policy.ts';

const LIMIT_S = 5;

/** The auto-recovery criteria, from the episodes. */
export function recoveryCriteria(result: AutoRecoveryResult): Criterion[] {
  return [
    ...episodeCriteria(
      'restart',
      'server killed and restarted',
      result.restart,
      'nobody gave this run the power to kill the server (serverControl)',
    ),
    ...episodeCriteria(
      'cut',
      'connections silently cut',
      result.cut,
      'nobody gave this run a proxy that can cut connections (proxyControl)',
    ),
  ];
}

function episodeCriteria(
  id: string,
  what: string,
  episode: RecoveryEpisode | null,
  withoutPower: string,
): Criterion[] {
  const definition = (suffix: string, metric: string, statistic: string): CriterionDefinition => ({
    id: `recovery-${id}-${suffix}`,
    scenario: 'recovery',
    metric: `${metric}, ${what}`,
    statistic,
    op: '<',
    threshold: LIMIT_S,
    unit: 's',
    hostSensitive: true,
  });
  const measured = (ms: number | null | undefined) => ({
    // Never is not "not measured": it took at least as long as anybody watched, and did not make it.
    measured:
      episode === null
        ? null
        : ms === null || ms === undefined
          ? Math.max(LIMIT_S, episode.watchedMs / 1000)
          : ms / 1000,
    samples: episode === null ? 0 : 1,
    saturation: episode === null ? [] : saturationCauses(episode.evidence),
    skipped: episode === null ? withoutPower : undefined,
    note:
      episode === null
        ? undefined
        : `${ms === null ? 'not at all while watched; ' : ''}${episode.failed} callers were told an error, ${episode.unfinished} had no answer`,
  });
  return [
    judge(
      definition('first-success', 'time to the first success', 'first'),
      measured(episode?.firstSuccessMs),
    ),
    judge(
      definition('steady', 'time to 90 % of the steady rate', 'first window'),
      measured(episode?.toSteadyMs),
    ),
    judge(
      {
        ...definition('unanswered', 'callers without an answer at the end', 'count'),
        op: '=',
        threshold: 0,
        unit: 'callers',
        hostSensitive: false,
      },
      {
        measured: episode?.unfinished ?? null,
        samples: episode === null ? 0 : 1,
        skipped: episode === null ? withoutPower : undefined,
      },
    ),
  ];
}
