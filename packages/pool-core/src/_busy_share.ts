/**
 * Whether the callers of a pool use the connections they hold.
 *
 * @module
 */
import type { Entry } from './_entry.ts';

/** How closely is looked. */
export interface BusyTuning {
  readonly busySample: number;
  readonly busyLookMs: number;
}

/** The share of the leased connections that work for their holder, 0..1; undefined where that cannot be told. */
export function busyShareOf<C>(
  entries: Iterable<Entry<C>>,
  isBusy: (connection: C) => boolean,
  now: number,
  { busySample, busyLookMs }: BusyTuning,
): number | undefined {
  let asked = 0;
  let busy = 0;
  for (const entry of entries) {
    // Whoever has just got one has not had the time to use it.
    if (entry.state !== 'leased' || now - entry.leasedAt < busyLookMs) continue;
    asked++;
    try {
      if (isBusy(entry.connection as C)) busy++;
    } catch {
      // Nobody is on the stack whom it could tell.
      return undefined;
    }
    if (asked === busySample) break;
  }
  return asked === 0 ? undefined : busy / asked;
}
