/**
 * Which server is tried first, for how long, and whether it will do. Pure.
 */

/** What a session has to be, in libpq's words; see `PoolOptions.targetSessionAttrs`. */
export type TargetSessionAttrs =
  | 'any'
  | 'read-write'
  | 'read-only'
  | 'primary'
  | 'standby'
  | 'prefer-standby';

export const TARGET_SESSION_ATTRS: readonly TargetSessionAttrs[] = [
  'any',
  'read-write',
  'read-only',
  'primary',
  'standby',
  'prefer-standby',
];

/** What a server says of itself; undefined where it was not asked and does not tell. */
export interface ServerRole {
  /** It replays what a primary has written, and takes no writes. */
  readonly standby?: boolean | undefined;
  /** Its sessions read only, unless they ask for more: `default_transaction_read_only`. */
  readonly readOnly?: boolean | undefined;
  /** How far a standby is behind, ms. */
  readonly lagMs?: number | undefined;
}

/** What is wanted of a server. */
export interface Wanted {
  /** As in libpq; `prefer-standby` is for the caller: first `standby`, then `any`. */
  readonly attrs: Exclude<TargetSessionAttrs, 'prefer-standby'>;
  /** Infinity: however far. */
  readonly maxLagMs: number;
}

/** Whether `role` has what it takes to judge by it. */
export function isKnown(role: ServerRole, { attrs, maxLagMs }: Wanted): boolean {
  if (maxLagMs < Number.POSITIVE_INFINITY) {
    if (role.standby === undefined || (role.standby && role.lagMs === undefined)) return false;
  }
  if (attrs === 'any') return true;
  if (attrs === 'primary' || attrs === 'standby') return role.standby !== undefined;
  return role.standby !== undefined && role.readOnly !== undefined;
}

/** Why a server will not do, in words that follow its name; undefined when it will. */
export function whyUnfit(role: ServerRole, { attrs, maxLagMs }: Wanted): string | undefined {
  const { standby, readOnly, lagMs } = role;
  switch (attrs) {
    case 'read-write':
      if (standby) return 'is a hot standby';
      if (readOnly) return 'reads only by default (default_transaction_read_only)';
      break;
    case 'read-only':
      if (!standby && !readOnly) return 'is not read-only';
      break;
    case 'primary':
      if (standby) return 'is a hot standby';
      break;
    case 'standby':
      if (!standby) return 'is not a standby';
      break;
    case 'any':
      break;
  }
  if (standby && lagMs !== undefined && lagMs > maxLagMs) {
    return `is ${Math.round(lagMs)} ms behind its primary (maxReplicaLagMs ${maxLagMs})`;
  }
  return undefined;
}

/** How the last attempt at a server went. */
export interface Outcome {
  readonly at: number;
  /** `refused`: an answer came at once, though not the wanted one; `silent`: it took all the time there was. */
  readonly how: 'connected' | 'refused' | 'silent';
}

/** After this time nobody speaks of a server that did not answer, ms: one attempt finds out whether it still does not. */
const FORGOTTEN_MS = 10_000;

export interface Ordering {
  readonly now: number;
  /** `loadBalanceHosts`: in any order, those that last failed still at the end. */
  readonly random?: (() => number) | undefined;
}

/**
 * The order to try servers in: first those that worked last, then the unknown, then those that refused, and those that were
 * silent at the end, as they cost the most; among equals as they were given. So a failover is followed once and
 * not searched for again by each connect, and a server that comes back is found within ten seconds.
 */
export function inOrder<T>(
  servers: readonly T[],
  outcomeOf: (server: T) => Outcome | undefined,
  { now, random }: Ordering,
): T[] {
  const ranked = servers.map((server, given) => {
    const outcome = outcomeOf(server);
    const tie = random === undefined ? given : random();
    return { server, rank: rankOf(outcome, now, random !== undefined), tie };
  });
  ranked.sort((a, b) => a.rank - b.rank || a.tie - b.tie);
  return ranked.map(({ server }) => server);
}

function rankOf(outcome: Outcome | undefined, now: number, balanced: boolean): number {
  if (outcome?.how === 'connected') return balanced ? 1 : 0;
  if (outcome === undefined || now - outcome.at > FORGOTTEN_MS) return 1;
  return outcome.how === 'refused' ? 2 : 3;
}

const LAST_SHARE = 0.95;

/**
 * How long one address may take, ms. libpq gives each its own `connect_timeout`; here they also share the pool's
 * deadline, so none gets more than its share of what is left, and the last one all of it.
 */
export function addressTime(time: {
  /** Until the pool's deadline. */
  readonly leftMs: number;
  /** Addresses that may still be tried, this one included. */
  readonly candidates: number;
  readonly addressTimeoutMs: number;
  /** There is something to fall back on: even the last address must leave time for it. */
  readonly hasFallback: boolean;
}): number {
  const { leftMs, candidates, addressTimeoutMs, hasFallback } = time;
  const rest = candidates - 1 + (hasFallback ? 1 : 0);
  // Before the pool's own deadline, which would say less.
  if (rest <= 0) return leftMs * LAST_SHARE;
  return Math.min(addressTimeoutMs, leftMs / (rest + 1));
}
