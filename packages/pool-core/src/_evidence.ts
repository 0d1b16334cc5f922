/**
 * What a pool achieved in a stretch of time, and whether that is enough to judge by.
 *
 * @module
 */

/** Time, leases and completions added up. */
export interface Sum {
  readonly ms: number;
  /** Connection-milliseconds leased. */
  readonly leasedMs: number;
  /** Leases that ended, and for how long they had been held together. */
  readonly completions: number;
  readonly heldMs: number;
}

/** What a pool did at one size. */
export interface Evidence {
  /** Mean number of leased connections. */
  readonly leased: number;
  /** Usable connections at the end. */
  readonly size: number;
  readonly holdMs: number;
  /**
   * Leases completed per second, as `leased / hold time` (Little's law): the same number as a count of completions, but
   * it does not lag behind a pool that is still growing.
   */
  readonly rate: number;
  /** Whether the pool was what limited. If not, the rate is what was asked for, not what the server can do. */
  readonly limited: boolean;
}

export const NOTHING: Sum = { ms: 0, leasedMs: 0, completions: 0, heldMs: 0 };

export function add(a: Sum, b: Sum): Sum {
  return {
    ms: a.ms + b.ms,
    leasedMs: a.leasedMs + b.leasedMs,
    completions: a.completions + b.completions,
    heldMs: a.heldMs + b.heldMs,
  };
}

export function evidenceOf(sum: Sum, size: number, limited: boolean): Evidence | undefined {
  const { ms, leasedMs, completions, heldMs } = sum;
  if (completions === 0 || heldMs <= 0 || ms <= 0 || leasedMs <= 0) return undefined;
  const leased = leasedMs / ms;
  const holdMs = heldMs / completions;
  return { leased, size, holdMs, rate: (leased / holdMs) * 1000, limited };
}

/**
 * How many completions tell a change of size by the share `change` from noise: their scatter falls with the root of
 * their number, so a growth by a tenth takes a hundred times those of a doubling (`ofDoubling`).
 */
export function completionsFor(change: number, ofDoubling: number): number {
  return Math.max(ofDoubling, Math.ceil(ofDoubling / (change * change)));
}

/** What share of proportional throughput the growth from `a` to `b` bought. */
export function elasticityOf(a: Evidence, b: Evidence): number {
  return (b.rate / a.rate - 1) / (b.leased / a.leased - 1);
}

/** For the event log. */
export function comparison(a: Evidence, b: Evidence): Record<string, number> {
  return {
    leasedBefore: a.leased,
    leased: b.leased,
    ratePerSecondBefore: a.rate,
    ratePerSecond: b.rate,
  };
}
