/**
 * What the server has room for: as it says itself, and as its refusals show (PostgreSQL's 53300). Pure.
 *
 * @module
 */
import type { ServerCapacity } from './contract.ts';

/** How many connections a server lets this pool have, and how many of them the pool takes. */
export interface ServerRoom {
  readonly allows: number;
  /** `allows`, less what is left to others. */
  readonly cap: number;
}

/** What is left to others. */
export interface ServerRoomTuning {
  readonly serverHeadroom: number;
  readonly serverHeadroomShare: number;
}

/**
 * The least of what the server, the role and the database allow. Others need slots of the server as well: an operator, a
 * migration, a monitor. `serverHeadroom` of them are left, and `serverHeadroomShare` at most; the limits of a role or a database are somebody's
 * decision about this pool, and used to the full.
 */
export function roomFor(capacity: ServerCapacity, tuning: ServerRoomTuning): ServerRoom {
  const { maxConnections, reserved, roleLimit, databaseLimit } = capacity;
  const slots = Math.max(0, maxConnections - reserved);
  const own = Math.min(
    roleLimit ?? Number.POSITIVE_INFINITY,
    databaseLimit ?? Number.POSITIVE_INFINITY,
  );
  const { serverHeadroom, serverHeadroomShare } = tuning;
  const left = Math.min(serverHeadroom, Math.ceil(slots * serverHeadroomShare));
  return { allows: Math.min(slots, own), cap: Math.max(1, Math.min(slots - left, own)) };
}

/** What a refusal taught. Known as long as it matters. */
export interface ServerLimit {
  /** The most connections to have. */
  readonly cap: number;
  /** When one more may be tried. */
  readonly until: number;
  readonly holdMs: number;
}

/** The pause after a refusal, the longest, and how it rises to that. */
export interface ServerLimitTuning {
  readonly serverHoldMs: number;
  readonly serverHoldMaxMs: number;
  readonly holdGrowth: number;
}

/** The server refused a connect while `open` connections were open. */
export function afterRefusal(
  limit: ServerLimit | undefined,
  open: number,
  now: number,
  tuning: ServerLimitTuning,
): ServerLimit {
  const { serverHoldMs, serverHoldMaxMs } = tuning;
  // Refusals of connects that were in flight together are one refusal.
  const again = limit !== undefined && now >= limit.until;
  const held = limit?.holdMs ?? serverHoldMs;
  const holdMs = again ? Math.min(serverHoldMaxMs, held * tuning.holdGrowth) : held;
  return { cap: Math.max(1, open), until: now + holdMs, holdMs };
}

/** When the pause is over and more is wanted: a few more. Undefined once the pool's own maximum is reached. */
export function raised(limit: ServerLimit, max: number, now: number): ServerLimit | undefined {
  if (now < limit.until) return limit;
  const cap = limit.cap + Math.ceil(Math.sqrt(limit.cap));
  return cap >= max ? undefined : { cap, until: now + limit.holdMs, holdMs: limit.holdMs };
}
