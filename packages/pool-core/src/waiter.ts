/**
 * One acquire that has not been answered yet.
 *
 * @module
 */
import type { Entry } from './_entry.ts';

/**
 * A waiter is its own queue node: subclass it, put what is needed to answer the caller into fields, hand it to
 * {@link ResourcePool.acquire}. Neither method may throw. Both are called synchronously, exactly one of them, once; who
 * must answer in a later tick, or in the caller's async context, does so in here.
 *
 * Once it is answered the pool forgets the waiter completely, so that what it refers to can be collected.
 */
export abstract class Waiter<C> {
  /** What the caller named this acquire. */
  label: string | undefined = undefined;
  /** When it was queued (monotonic ms). */
  since = 0;
  /** How long it waits at most, ms. */
  timeoutMs = 0;
  /** Whether the caller named {@link timeoutMs}, rather than the pool's options. */
  ownTimeout = false;
  /** The lease's id, where it was allotted beforehand by `ResourcePool.beginAcquire()`; else 0. */
  leaseId = 0;
  /** Whether it stands in a pool's queue. */
  queued = false;

  // Only WaitingRoom touches these.
  before: Waiter<C> | undefined = undefined;
  after: Waiter<C> | undefined = undefined;
  /** Its place in the heap of odd deadlines; see WaitingRoom for the negative ones. */
  place = -1;

  /** When it gives up (monotonic ms). Not a field: a number with a fraction would be one more object per waiter. */
  get deadline(): number {
    return this.since + this.timeoutMs;
  }

  /**
   * The connection is the caller's now: `entry.connection`, until `pool.release(entry, entry.leaseId)`.
   *
   * @returns the object whose loss would mean the lease is lost, for observers with `tracksLeases`.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: most waiters have no such object and return nothing
  abstract granted(entry: Entry<C>, waitedMs: number): object | void;
  abstract refused(error: Error): void;
}
