/**
 * Keeps the pool alive while its server is not, and paces every connect.
 *
 * @module
 */
import {
  afterConnect,
  afterConnectError,
  type ConnectLimit,
  type ConnectLimitTuning,
  initialConnectLimit,
} from './_connect_limit.ts';
import {
  afterFailure,
  afterSuccess,
  afterTime,
  connectsAllowed,
  nextAttemptAt,
  type Outage,
} from './_outage_policy.ts';
import type { Settings } from './_settings.ts';
import type { ConnectErrorKind } from './connection_factory.ts';
import type { PoolState } from './contract.ts';

/** Holds the states that the policies of outages and connects step through. */
export class Recovery {
  readonly #settings: Settings<unknown>;
  readonly #changed: (from: PoolState, to: PoolState) => void;
  #outage: Outage = { state: 'ready' };
  readonly #limitTuning: ConnectLimitTuning;
  #limit: ConnectLimit;
  /** No connect before this, as the server has no room (monotonic ms). */
  #fullUntil = 0;
  #refusals = 0;
  /** What the last failed connect said; undefined after a success. */
  lastError: unknown;

  constructor(settings: Settings<unknown>, changed: (from: PoolState, to: PoolState) => void) {
    this.#settings = settings;
    this.#changed = changed;
    this.#limitTuning = { ...settings.tuning, maxConnecting: settings.maxConnecting };
    this.#limit = initialConnectLimit(this.#limitTuning);
  }

  get state(): Outage['state'] {
    return this.#outage.state;
  }

  /** For how long the server has not answered, ms. */
  downForMs(now: number): number | undefined {
    const outage = this.#outage;
    return outage.state === 'down' || outage.state === 'suspect' ? now - outage.since : undefined;
  }

  /** Connects that may be in flight while the server is well. */
  get connectLimit(): number {
    return this.#limit.limit;
  }

  /** Whether one more connect may be started beside those in flight. */
  allows(connecting: number, now: number): boolean {
    if (now < this.#fullUntil) return false;
    return connecting < connectsAllowed(this.#outage, now, this.#limit.limit);
  }

  /** When it makes sense to ask {@link allows} again, ms from now; 0 when a connect in flight has to end first. */
  retryIn(now: number): number {
    return Math.max(0, this.#fullUntil - now, nextAttemptAt(this.#outage) - now);
  }

  /** The error that trying again will not change, while it is fresh. */
  freshFatal(now: number): unknown {
    const outage = this.#outage;
    const fresh = outage.state === 'down' && outage.fatal && now < outage.notBefore;
    return fresh ? this.lastError : undefined;
  }

  succeeded(tookMs: number, now: number): void {
    this.#limit = afterConnect(this.#limit, tookMs, this.#limitTuning);
    this.#refusals = 0;
    this.lastError = undefined;
    this.#step(afterSuccess(this.#outage, now, this.#limit.limit));
  }

  failed(kind: ConnectErrorKind, error: unknown, startedAt: number, now: number): void {
    const { random, tuning } = this.#settings;
    this.lastError = error;
    if (kind === 'unrelated') return;
    this.#limit = afterConnectError(this.#limit, this.#limitTuning);
    if (kind !== 'server-limit') {
      const failure = { kind, startedAt, now, random: random() };
      this.#step(afterFailure(this.#outage, failure, tuning));
      return;
    }
    if (now < this.#fullUntil) return;
    const cap = Math.min(tuning.backoffMaxMs, tuning.backoffMinMs * 2 ** this.#refusals);
    this.#refusals = Math.min(this.#refusals + 1, 20);
    this.#fullUntil = now + tuning.backoffMinMs + random() * (cap - tuning.backoffMinMs);
  }

  /** Lets time do its part. */
  tick(now: number): void {
    this.#step(afterTime(this.#outage, now, this.#settings.tuning));
  }

  #step(next: Outage): void {
    const from = this.#outage.state;
    this.#outage = next;
    if (from !== next.state) this.#changed(from, next.state);
  }
}
