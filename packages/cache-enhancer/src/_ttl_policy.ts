/** How long values live. Pure: random numbers are arguments. */

export interface Lifetime {
  ttlMs: number;
  graceMs: number;
}

/**
 * The TTL of one fill, shortened by up to `jitter`: entries that were filled together must not expire together.
 * Only ever shortened, so that `ttlMs` stays a promise.
 *
 * @param random 0 <= random < 1
 */
export function jitteredTtlMs(ttlMs: number, jitter: number, random: number): number {
  return Math.max(1, Math.round(ttlMs * (1 - jitter * random)));
}

/** A missing value (null, undefined) lives for `negativeTtlMs`, if that is shorter, and has no grace. */
export function lifetimeOf(value: unknown, wanted: Lifetime, negativeTtlMs: number): Lifetime {
  if (value !== null && value !== undefined) return wanted;
  return { ttlMs: Math.min(wanted.ttlMs, negativeTtlMs), graceMs: 0 };
}

/**
 * How long before its expiry a value is refreshed in the background: XFetch (Vattani, Chierichetti, Lowenstein, "Optimal
 * probabilistic cache stampede prevention", VLDB 2015), `-beta * loadMs * ln(random)`. Drawn once for an entry and node rather than at
 * each request, so that a hit compares two numbers; different nodes draw differently, which is what spreads the refreshes.
 *
 * @param random 0 <= random < 1
 */
export function earlyRefreshMs(loadMs: number, beta: number, random: number): number {
  if (beta === 0 || loadMs === 0) return 0;
  return -beta * loadMs * Math.log(1 - random);
}
