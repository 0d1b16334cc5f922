/**
 * What is told of single connections.
 */
import type { Entry } from './_entry.ts';
import type { ConnectionInfo } from './contract.ts';
import type { LongestHeld } from './errors.ts';

export function infoOf(entry: Entry<unknown>, now: number): ConnectionInfo {
  const { id, state, uses, createdAt, idleSince, leaseId, leasedAt, label, site } = entry;
  return {
    id,
    // Only the open ones are listed.
    state: state as ConnectionInfo['state'],
    uses,
    ageMs: now - createdAt,
    ...(state === 'idle' ? { idleMs: now - idleSince } : {}),
    ...(leaseId === 0 ? {} : { leaseId, heldMs: now - leasedAt }),
    ...(label === undefined ? {} : { label }),
    ...(site === undefined ? {} : { acquiredFrom: site }),
  };
}

/** Undefined where none is leased. O(n). */
export function longestHeldOf(
  entries: Iterable<Entry<unknown>>,
  now: number,
): LongestHeld | undefined {
  let longest: Entry<unknown> | undefined;
  for (const entry of entries) {
    if (entry.leaseId === 0) continue;
    if (longest === undefined || entry.leasedAt < longest.leasedAt) longest = entry;
  }
  if (longest === undefined) return undefined;
  const { leaseId, id: connectionId, leasedAt, label, site } = longest;
  return {
    leaseId,
    connectionId,
    heldMs: now - leasedAt,
    ...(label === undefined ? {} : { label }),
    ...(site === undefined ? {} : { acquiredFrom: site }),
  };
}
