/** Whether Redis is asked at all. Pure: the shell counts, probes and tells it the time. */
export interface BreakerSettings {
  /** Failures in a row that open it. */
  failures: number;
}

export interface BreakerState {
  readonly open: boolean;
  readonly consecutiveFailures: number;
}

/**
 * `silent`: a time limit passed and nothing at all was received meanwhile. `slow`: it passed, but other answers came.
 * `refused`: Redis or the connection answered with an error.
 */
export type Outcome = 'success' | 'silent' | 'slow' | 'refused';

export const CLOSED: BreakerState = { open: false, consecutiveFailures: 0 };

/**
 * Silence opens at once: a frozen or unreachable Redis makes every further request wait the whole hard limit, and there is
 * nothing to learn from letting more of them do so. Slow and refused answers need several in a row.
 */
export function afterOutcome(
  state: BreakerState,
  outcome: Outcome,
  settings: BreakerSettings,
): BreakerState {
  if (outcome === 'success') return state.open || state.consecutiveFailures > 0 ? CLOSED : state;
  const consecutiveFailures = state.consecutiveFailures + 1;
  return {
    open: state.open || outcome === 'silent' || consecutiveFailures >= settings.failures,
    consecutiveFailures,
  };
}
