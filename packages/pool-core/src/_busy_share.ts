/**
 * Whether the callers of a pool use the connections they hold.
 *
 * @module
 */
import type { Entry } from './_entry.ts';

/**
 * Leased connections that are asked, per look: a share of 64 is known to some 6 %, and only whether it is above a half matters
 * (`workingShare`). A bound on the cost of a look, and no option.
 */
const SAMPLE = 64;

/**
 * Between two looks, and how long a lease is too young to be looked at, ms: a turn of the event loop or two, in which a caller
 * that does not think has sent its statement. What a look costs, and no option.
 */
export const LOOK_EVERY_MS = 5;

/** The share of the leased connections that work for their holder, 0..1; undefined where that cannot be told. */
export function busyShareOf<C>(
  entries: Iterable<Entry<C>>,
  isBusy: (connection: C) => boolean,
  now: number,
): number | undefined {
  let asked = 0;
  let busy = 0;
  for (const entry of entries) {
    // Whoever has just got one has not had the time to use it.
    if (entry.state !== 'leased' || now - entry.leasedAt < LOOK_EVERY_MS) continue;
    asked++;
    try {
      if (isBusy(entry.connection as C)) busy++;
    } catch {
      // Nobody is on the stack whom it could tell.
      return undefined;
    }
    if (asked === SAMPLE) break;
  }
  return asked === 0 ? undefined : busy / asked;
}
