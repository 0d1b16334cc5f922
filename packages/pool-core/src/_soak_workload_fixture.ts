/**
 * What each caller of the soak does, derived from the seed and the caller's number alone: whatever becomes of a transfer, and
 * whoever else runs, the next one is the same.
 *
 * @module
 */
import { seeded } from './_simulation_fixture.ts';

export const ACCOUNTS = 24;

/** How a transfer goes about it, and how often. */
const WAYS = [
  ['transaction', 40],
  ['one-shot', 20],
  ['by-hand', 20],
  ['serializable', 10],
  ['failing-statement', 8],
  ['duplicate-key', 4],
  ['thrown', 6],
  ['left-open', 6],
  ['left-open-failed', 3],
  ['aborted', 8],
  ['slow', 6],
  ['released-with-error', 4],
] as const;
export type Way = (typeof WAYS)[number][0];

export interface PlannedTransfer {
  /** Tells the caller as well: its last three digits. */
  readonly id: number;
  readonly from: number;
  readonly to: number;
  readonly amount: number;
  readonly way: Way;
  /** How long a slow one sleeps, and when one that is aborted is. */
  readonly sleepMs: number;
  readonly abortMs: number;
  /** How long its caller waits where it was refused, so that it does not spin. */
  readonly pauseMs: number;
}

/** The transfers of one caller, in order, without end. */
export function* transfersOf(seed: number, caller: number): Generator<PlannedTransfer, never> {
  const random = seeded(seed * 1_000 + caller);
  const upTo = (most: number): number => Math.floor(random() * most);
  for (let n = 1; ; n++) {
    const from = 1 + upTo(ACCOUNTS);
    yield {
      id: n * 1_000 + caller,
      from,
      to: 1 + ((from + upTo(ACCOUNTS - 1)) % ACCOUNTS),
      amount: 1 + upTo(50),
      way: wayOf(random()),
      sleepMs: upTo(300),
      abortMs: 1 + upTo(10),
      pauseMs: 5 + upTo(20),
    };
  }
}

function wayOf(random: number): Way {
  let left = random * WAYS.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [way, weight] of WAYS) {
    left -= weight;
    if (left < 0) return way;
  }
  return 'transaction';
}
