/**
 * How much of what can be served each of several tenants may have. Pure.
 *
 * @module
 */

/**
 * The max-min fair level: each gets what it asks for up to the level, and so that together they get `capacity`. What a small one
 * leaves is the others'. Infinity when there is enough for all.
 */
export function fairLevel(asked: readonly number[], capacity: number): number {
  let left = capacity;
  const ascending = [...asked].sort((a, b) => a - b);
  for (const [i, amount] of ascending.entries()) {
    const equal = left / (ascending.length - i);
    if (amount > equal) return Math.max(0, equal);
    left -= amount;
  }
  return Number.POSITIVE_INFINITY;
}

/** What one tenant did lately, and the fleet of them. */
export interface TenantDemand {
  /** Requests of this tenant. */
  readonly asked: number;
  /** The mean over all tenants. */
  readonly meanAsked: number;
  /** Of {@link fairLevel}. */
  readonly level: number;
}

/** A tenant that asks for no more than this part of the mean is quiet whatever can be served. */
const QUIET = 0.5;

/**
 * The share of its requests that a tenant may have while not all can be served, 0..1. 1: it asks for no more than is fair, and
 * feels nothing of the others. `common`: the share of everybody; before anything was refused there is no telling what can be
 * served, so only those who are quiet in comparison are spared.
 */
export function tenantShare({ asked, meanAsked, level }: TenantDemand): number | 'common' {
  if (level === Number.POSITIVE_INFINITY) return asked <= QUIET * meanAsked ? 1 : 'common';
  return asked <= level ? 1 : level / asked;
}
