/**
 * What must be true of a pool whenever nobody is inside it.
 *
 * @module
 */
import type { Entry } from './_entry.ts';
import type { ConnectionState } from './contract.ts';

/** What the pool believes of itself. */
export interface PoolBeliefs {
  readonly name: string;
  readonly counts: Readonly<Record<ConnectionState, number>>;
  readonly entries: Iterable<Entry<unknown>>;
  /** From the coldest to the hottest. */
  readonly idle: Iterable<Entry<unknown>>;
  readonly limit: number;
  /** The size excused because the limit was lowered under it. */
  readonly excused: number;
  readonly waiting: number;
  readonly suspended: boolean;
  readonly ending: boolean;
  /** Whether a timer will ask for connects again. */
  readonly recheckArmed: boolean;
}

/**
 * Recounts everything and compares: the states sum to the size; the size exceeds the limit only as long as it did when the
 * limit was lowered; the idle ones stand in the order of their age; while acquires wait and there is room, a connect is in flight or a timer is set.
 *
 * @throws Error naming every broken rule.
 */
export function checkInvariants(pool: PoolBeliefs): void {
  const broken: string[] = [];
  const counted = new Map<string, number>();
  let size = 0;
  for (const { state, leaseId, id } of pool.entries) {
    size++;
    counted.set(state, (counted.get(state) ?? 0) + 1);
    if ((state === 'leased') !== (leaseId !== 0)) {
      broken.push(`connection ${id} is ${state} with lease ${leaseId}`);
    }
  }
  let since = Number.NEGATIVE_INFINITY;
  for (const { idleSince, id } of pool.idle) {
    if (idleSince < since) broken.push(`connection ${id} is idle for longer than a colder one`);
    since = idleSince;
  }
  let sum = 0;
  for (const [state, count] of Object.entries(pool.counts)) {
    sum += count;
    const real = counted.get(state) ?? 0;
    if (count !== real) broken.push(`${real} connections are ${state}, the counter says ${count}`);
  }
  if (sum !== size) broken.push(`the states sum to ${sum}, the size is ${size}`);
  if (size > Math.max(pool.limit, pool.excused)) {
    broken.push(`the size ${size} is above the limit ${pool.limit}`);
  }
  if (pool.waiting > 0 && pool.ending) broken.push(`${pool.waiting} wait in a closing pool`);
  if (pool.waiting > 0 && !pool.suspended) {
    const { idle, connecting } = pool.counts;
    if (idle > 0) broken.push(`${pool.waiting} wait beside ${idle} idle connections`);
    if (size < pool.limit && connecting === 0 && !pool.recheckArmed) {
      broken.push(`${pool.waiting} wait with room left, no connect in flight and no timer set`);
    }
  }
  if (broken.length > 0) throw new Error(`Pool "${pool.name}": ${broken.join('; ')}`);
}
