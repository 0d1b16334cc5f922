/**
 * What the server has room for, learned from its refusals (PostgreSQL's 53300). Pure.
 *
 * @module
 */

/** Known as long as it matters. */
export interface ServerLimit {
  /** The most connections to have. */
  readonly cap: number;
  /** When one more may be tried. */
  readonly until: number;
  readonly holdMs: number;
}

/** The first pause after a refusal, and the longest, ms. Others give connections back at their own pace. */
const HOLD_MS = 1_000;
const HOLD_MAX_MS = 30_000;

/** The server refused a connect while `open` connections were open. */
export function afterRefusal(
  limit: ServerLimit | undefined,
  open: number,
  now: number,
): ServerLimit {
  // Refusals of connects that were in flight together are one refusal.
  const again = limit !== undefined && now >= limit.until;
  const holdMs =
    limit === undefined ? HOLD_MS : again ? Math.min(HOLD_MAX_MS, limit.holdMs * 2) : limit.holdMs;
  return { cap: Math.max(1, open), until: now + holdMs, holdMs };
}

/** When the pause is over and more is wanted: a few more. Undefined once the pool's own maximum is reached. */
export function raised(limit: ServerLimit, max: number, now: number): ServerLimit | undefined {
  if (now < limit.until) return limit;
  const cap = limit.cap + Math.ceil(Math.sqrt(limit.cap));
  return cap >= max ? undefined : { cap, until: now + limit.holdMs, holdMs: limit.holdMs };
}
