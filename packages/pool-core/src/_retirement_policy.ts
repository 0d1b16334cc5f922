/**
 * When a connection has served long enough. Pure.
 *
 * @module
 */

/**
 * When a connection's lifetime ends: `lifetimeMs` less a random share of up to `jitter`. Without jitter, connections
 * born together die together, and the server sees a storm of logins once per lifetime (PostHog: 12 incidents in 15 days).
 */
export function expiry(
  createdAt: number,
  lifetimeMs: number,
  jitter: number,
  random: number,
): number {
  return createdAt + lifetimeMs * (1 - jitter * random);
}

/** A bucket of retirements. */
export interface RetirementBudget {
  readonly tokens: number;
  readonly at: number;
}

/**
 * Takes one retirement out of the budget, if there is one: `perSecond` of the size, at least one a second. Jitter
 * spreads the deaths of connections born together; this bounds what is left (a pool that grew by 490 in two seconds).
 */
export function takeRetirement(
  budget: RetirementBudget | undefined,
  size: number,
  now: number,
  perSecond: number,
): { readonly granted: boolean; readonly budget: RetirementBudget } {
  const rate = Math.max(1, size * perSecond);
  const tokens =
    budget === undefined ? rate : Math.min(rate, budget.tokens + (rate * (now - budget.at)) / 1000);
  const granted = tokens >= 1;
  return { granted, budget: { tokens: granted ? tokens - 1 : tokens, at: now } };
}

/** When the budget allows the next retirement, ms from `now`. */
export function nextRetirementIn(
  budget: RetirementBudget,
  size: number,
  perSecond: number,
): number {
  if (budget.tokens >= 1) return 0;
  return ((1 - budget.tokens) * 1000) / Math.max(1, size * perSecond);
}

/**
 * Whether a substitute should stand ready before a connection is retired: when the pool could not spare it, because that
 * would take it below its minimum or because most connections are in use.
 */
export function needsSubstitute(pool: {
  readonly size: number;
  readonly min: number;
  readonly leased: number;
  readonly idle: number;
}): boolean {
  return pool.size <= pool.min || pool.leased > pool.idle;
}
