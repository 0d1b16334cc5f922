/**
 * When a name has moved away from an address. Pure.
 */

/** What a name's answers were like. */
export interface NameHistory {
  /** The addresses of the last answer. */
  readonly addresses: ReadonlySet<string>;
  /** How often in a row the answer was the same. */
  readonly same: number;
  /** Addresses that were there before, and when they left (monotonic ms). */
  readonly left: ReadonlyMap<string, number>;
  /** Until then the name is taken for one that gives its addresses in turn (monotonic ms). */
  readonly rotatesUntil: number;
}

/** A single answer may be a resolver's hiccup. */
const CONFIRMED = 3;
/** An address that comes back within this time makes the name a rotating one, for as long, ms. */
const ROTATION_MS = 600_000;

export function afterAnswer(
  before: NameHistory | undefined,
  answer: readonly string[],
  now: number,
): NameHistory {
  const addresses = new Set(answer);
  if (before === undefined) {
    return { addresses, same: 1, left: new Map(), rotatesUntil: Number.NEGATIVE_INFINITY };
  }
  const left = new Map<string, number>();
  let { rotatesUntil } = before;
  for (const [address, at] of before.left) {
    if (now - at > ROTATION_MS) continue;
    if (addresses.has(address)) rotatesUntil = now + ROTATION_MS;
    else left.set(address, at);
  }
  let changed = addresses.size !== before.addresses.size;
  for (const address of before.addresses) {
    if (addresses.has(address)) continue;
    changed = true;
    left.set(address, now);
  }
  return { addresses, same: changed ? 1 : before.same + 1, left, rotatesUntil };
}

/**
 * Whether connections to `address` should move: three answers in a row were alike and without it. Not where the name gives a
 * few of its addresses at a time (the reader endpoints of some clouds give one): there every answer lacks most of them.
 */
export function hasMoved(history: NameHistory, address: string, now: number): boolean {
  return (
    history.same >= CONFIRMED && now >= history.rotatesUntil && !history.addresses.has(address)
  );
}
