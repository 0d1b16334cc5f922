import { describe, expect, it } from 'vitest';
import { recoveryCriteria } from './_recovery_criteria.ts';
import type { AutoRecoveryResult, RecoveryEpisode } from './recovery_result.ts';

const episode = {
  firstSuccessMs: 400,
  toSteadyMs: 900,
  watchedMs: 7000,
  failed: 3,
  unfinished: 0,
  evidence: {
    cpuPercent: 30,
    stealPercent: 0,
    throttledPercent: null,
    cpuWaitPercent: 1,
    ownCpuPercent: 10,
    wakeDelayP95Ms: 0.2,
  },
} as RecoveryEpisode;

function verdicts(change: Partial<Pick<AutoRecoveryResult, 'restart' | 'cut'>>) {
  const result = { restart: episode, cut: episode, ...change } as AutoRecoveryResult;
  return Object.fromEntries(recoveryCriteria(result).map((c) => [c.id, c]));
}

describe('the criteria of auto-recovery', () => {
  it('pass for a quick recovery', () => {
    expect(Object.values(verdicts({})).map((c) => c.verdict)).toEqual(new Array(6).fill('pass'));
  });

  it('fail for a recovery that did not come, however short the watch', () => {
    const judged = verdicts({ cut: { ...episode, toSteadyMs: null, watchedMs: 1000 } });
    expect(judged['recovery-cut-steady']).toMatchObject({ verdict: 'fail', measured: 5 });
    expect(judged['recovery-cut-steady']?.reason).toContain('not at all while watched');
  });

  it('fail for callers that hang for ever', () => {
    expect(
      verdicts({ cut: { ...episode, unfinished: 5 } })['recovery-cut-unanswered'],
    ).toMatchObject({
      verdict: 'fail',
      measured: 5,
    });
  });

  it('are skipped, with the reason, without the power to break anything', () => {
    const judged = verdicts({ restart: null });
    for (const id of ['first-success', 'steady', 'unanswered']) {
      expect(judged[`recovery-restart-${id}`]).toMatchObject({ verdict: 'skipped' });
      expect(judged[`recovery-restart-${id}`]?.reason).toContain('serverControl');
    }
  });
});
