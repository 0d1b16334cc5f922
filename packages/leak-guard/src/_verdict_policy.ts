/**
 * What is to be thought of one open lease.
 *
 * @module
 */

/**
 * `in-use`: younger than the threshold, nothing to say. `suspect`: older, and not known yet whether anybody still has
 * it. `held`: older, and still within somebody's reach (or nothing can be proven): reported, never taken. `leaked`: the
 * collector has found it unreachable, nobody can ever release it.
 */
export type LeaseVerdict = 'in-use' | 'suspect' | 'held' | 'leaked';

export interface LeaseFacts {
  readonly heldMs: number;
  readonly thresholdMs: number;
  /** The collector has told that the lease is unreachable. */
  readonly collected: boolean;
  /** The collector has been asked to tell; false when the pool gives no lease object. */
  readonly provable: boolean;
  /** Major collections since the threshold that the lease has survived. */
  readonly survivedProbes: number;
  /** How long it has been a suspect, ms. */
  readonly suspectMs: number;
  /** A suspect that no probe could look into for this long is announced as held, so that nobody waits for word of it. */
  readonly patienceMs: number;
}

/** Age alone never makes a leak: only the collector's word does. */
export function judgeLease(facts: LeaseFacts): LeaseVerdict {
  if (facts.collected) return 'leaked';
  if (facts.heldMs < facts.thresholdMs) return 'in-use';
  if (!facts.provable || facts.survivedProbes > 0) return 'held';
  return facts.suspectMs >= facts.patienceMs ? 'held' : 'suspect';
}
