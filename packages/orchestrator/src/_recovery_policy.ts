export interface RecoveryInput {
  /** When checkouts succeeded, ms on one clock, ascending. */
  readonly successes: readonly number[];
  /** When the fault began. */
  readonly faultAt: number;
  /** From when on service was possible again. */
  readonly possibleAt: number;
  /** When the watching ended. */
  readonly endAt: number;
  /** Successes per second before the fault. */
  readonly steadyPerSecond: number;
}

export interface Recovery {
  /** From `possibleAt` to the first success after the fault; `null`: none came. */
  readonly firstSuccessMs: number | null;
  /** From `possibleAt` to the end of the first window at 90 % of the steady rate that was kept up; `null`: never. */
  readonly toSteadyMs: number | null;
}

const WINDOW_MS = 500;
const STEP_MS = 50;
const SHARE = 0.9;
/** A reply that was on its way when the fault began is no recovery. */
const IN_FLIGHT_MS = 50;

/**
 * How long a service needed to be itself again. A burst of queued requests can look like the full rate for a moment, so
 * the rate has to hold from there to the end of the watch as well.
 */
export function recoveryOf(input: RecoveryInput): Recovery {
  const { faultAt, possibleAt, endAt, steadyPerSecond } = input;
  const after = input.successes.filter((at) => at > faultAt + IN_FLIGHT_MS);
  const first = after.find((at) => at >= possibleAt);
  // The pool may be quicker than the one who restarted the server and told us about it.
  const early = after[0] !== undefined && after[0] < possibleAt;
  const rate = (from: number, to: number): number =>
    (1000 * after.filter((at) => at >= from && at < to).length) / (to - from);
  const wanted = SHARE * steadyPerSecond;
  let toSteadyMs: number | null = null;
  for (let from = possibleAt; from + WINDOW_MS <= endAt; from += STEP_MS) {
    if (rate(from, from + WINDOW_MS) >= wanted && rate(from, endAt) >= wanted) {
      toSteadyMs = from + WINDOW_MS - possibleAt;
      break;
    }
  }
  return {
    firstSuccessMs: early ? 0 : first === undefined ? null : first - possibleAt,
    toSteadyMs,
  };
}
