/**
 * How to stand towards a server that does not answer. Pure.
 *
 * @module
 */
import type { ConnectErrorKind } from './connection_factory.ts';

/**
 * `ready`: connect as the limits say. `suspect`: a connect has failed; one at a time. `down`: two have; one prober, with
 * backoff. `recovering`: the prober, who was the first round, succeeded; two at a time, and one more for each success, which is
 * 1, 2, 4 ... by rounds, or every process that lost the same server comes back at the same instant.
 */
export type Outage =
  | { readonly state: 'ready' }
  | { readonly state: 'suspect'; readonly since: number; readonly notBefore: number }
  | {
      readonly state: 'down';
      /** When the first connect failed. */
      readonly since: number;
      /** When the last one failed; what was under way then does not count again. */
      readonly failedAt: number;
      readonly failures: number;
      readonly notBefore: number;
      /** Trying again changes nothing until somebody repairs something. */
      readonly fatal: boolean;
    }
  | { readonly state: 'recovering'; readonly since: number; readonly allowed: number };

/** The numbers of the backoff, and of the slow start after it. */
export interface OutageTuning {
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  readonly backoffEarlyMaxMs: number;
  readonly backoffAgeShare: number;
  readonly fatalRetryMs: number;
  readonly recoveredMs: number;
}

/** One connect has failed. */
export interface Failure {
  readonly kind: Extract<ConnectErrorKind, 'retryable' | 'fatal'>;
  /** When that connect began. */
  readonly startedAt: number;
  readonly now: number;
  /** A random number in 0..1, for the jitter. */
  readonly random: number;
}

export function afterFailure(outage: Outage, failure: Failure, tuning: OutageTuning): Outage {
  const { now, random, startedAt } = failure;
  if (failure.kind === 'fatal') {
    const since = outage.state === 'down' || outage.state === 'suspect' ? outage.since : now;
    const notBefore = now + tuning.fatalRetryMs;
    return { state: 'down', since, failedAt: now, failures: 1, notBefore, fatal: true };
  }
  switch (outage.state) {
    case 'ready':
      return { state: 'suspect', since: now, notBefore: now + random * tuning.backoffMinMs };
    case 'suspect':
      // Begun before the doubt: it tells nothing new.
      if (startedAt < outage.since) return outage;
      return down(outage.since, 1, now, random, tuning);
    case 'recovering':
      if (startedAt < outage.since) return outage;
      return down(now, 1, now, random, tuning);
    case 'down':
      if (startedAt < outage.failedAt) return outage;
      return down(outage.since, outage.fatal ? 1 : outage.failures + 1, now, random, tuning);
  }
}

/** A connect has succeeded: the server is there, whatever was thought of it. */
export function afterSuccess(outage: Outage, now: number, connectLimit: number): Outage {
  switch (outage.state) {
    case 'ready':
      return outage;
    case 'suspect':
      return { state: 'ready' };
    case 'down':
      return { state: 'recovering', since: now, allowed: 2 };
    case 'recovering': {
      // One more for each success doubles the number each round.
      const allowed = outage.allowed + 1;
      return allowed >= connectLimit ? { state: 'ready' } : { ...outage, allowed };
    }
  }
}

/** What has become of an outage by itself. */
export function afterTime(outage: Outage, now: number, tuning: OutageTuning): Outage {
  const over = outage.state === 'recovering' && now - outage.since >= tuning.recoveredMs;
  return over ? { state: 'ready' } : outage;
}

/** How many connects may be in flight now. */
export function connectsAllowed(outage: Outage, now: number, connectLimit: number): number {
  switch (outage.state) {
    case 'ready':
      return connectLimit;
    case 'suspect':
    case 'down':
      return now >= outage.notBefore ? 1 : 0;
    case 'recovering':
      return Math.min(outage.allowed, connectLimit);
  }
}

/** When connects are allowed again, for a state that allows none now. */
export function nextAttemptAt(outage: Outage): number {
  return outage.state === 'suspect' || outage.state === 'down' ? outage.notBefore : 0;
}

/**
 * Full jitter between the minimum and a cap that doubles with each failure: 50 ms, 100, 200, 250. It goes on to
 * `backoffMaxMs` only as the outage grows old, so that the first success is late by an eighth of the outage at most; an
 * outage of 2 s costs some 15 sockets, where pg-pool opens 2 850.
 */
function down(
  since: number,
  failures: number,
  now: number,
  random: number,
  tuning: OutageTuning,
): Outage {
  const { backoffMinMs, backoffMaxMs, backoffEarlyMaxMs, backoffAgeShare } = tuning;
  const late = Math.max(backoffEarlyMaxMs, (now - since) * backoffAgeShare);
  const cap = Math.min(backoffMaxMs, late, backoffMinMs * 2 ** Math.min(failures, 20));
  const wait = backoffMinMs + random * Math.max(0, cap - backoffMinMs);
  return { state: 'down', since, failedAt: now, failures, notBefore: now + wait, fatal: false };
}
