/**
 * How many connects may be in flight at once. Pure.
 *
 * Opening connections is the most expensive thing a pool does to a server and to its own process: 400 SCRAM connects at
 * once are no faster than 4, take 1 s each instead of 17 ms, and stall the event loop for 100 ms. MongoDB's drivers
 * are bound to 2 by their specification, HikariCP opens one at a time and is too slow for distant servers (#1896).
 *
 * @module
 */

/** What is remembered between connects. */
export interface ConnectLimit {
  /** Connects that may be in flight. */
  readonly limit: number;
  /** Successes since the limit last changed. */
  readonly successes: number;
  /** The fastest connects seen lately, ms: what a connect takes when it is not in the way of others. */
  readonly baselineMs: number | undefined;
}

/** The range, and what counts as slow. */
export interface ConnectLimitTuning {
  readonly maxConnecting: number;
  readonly maxConnectingCap: number;
  readonly connectSlower: number;
  readonly connectMuchSlower: number;
  readonly connectForget: number;
  readonly connectNoiseMs: number;
  readonly connectCut: number;
}

/** As many as may be in flight before anything is known. */
export function initialConnectLimit(tuning: ConnectLimitTuning): ConnectLimit {
  return { limit: tuning.maxConnecting, successes: 0, baselineMs: undefined };
}

/** After a connect that succeeded: one more after each round of fast ones, half when they take twice as long. */
export function afterConnect(
  state: ConnectLimit,
  tookMs: number,
  tuning: ConnectLimitTuning,
): ConnectLimit {
  const before = state.baselineMs;
  const baselineMs =
    before === undefined ? tookMs : Math.min(tookMs, before * tuning.connectForget);
  const successes = state.successes + 1;
  const { limit } = state;
  if (successes < limit) return { limit, successes, baselineMs };
  const muchSlower = baselineMs * tuning.connectMuchSlower + tuning.connectNoiseMs;
  if (tookMs > muchSlower && limit > tuning.maxConnecting) {
    const fewer = Math.max(tuning.maxConnecting, Math.floor(limit * tuning.connectCut));
    return { limit: fewer, successes: 0, baselineMs };
  }
  if (tookMs <= baselineMs * tuning.connectSlower) {
    return { limit: Math.min(tuning.maxConnectingCap, limit + 1), successes: 0, baselineMs };
  }
  return { limit, successes: 0, baselineMs };
}

/** After a connect that failed: half as many. */
export function afterConnectError(state: ConnectLimit, tuning: ConnectLimitTuning): ConnectLimit {
  const limit = Math.max(1, Math.floor(state.limit * tuning.connectCut));
  return { ...state, limit, successes: 0 };
}
