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

/**
 * How long after a retirement the next one may follow, ms: `perSecond` of the size, at least one a second. Jitter spreads the deaths
 * of connections born together; this bounds what is left (a pool that grew by 490 in two seconds). One by one, with none saved
 * up. Where 25 of 500 go each second, p99 of the users rises by a fifth and more next to the server (two cores), at 5 it does not.
 */
export function retirementGapMs(size: number, perSecond: number): number {
  return 1_000 / Math.max(1, size * perSecond);
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
