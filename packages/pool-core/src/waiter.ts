/**
 * One acquire that has not been answered yet.
 *
 * @module
 */
import type { Entry } from './_entry.ts';

/**
 * A waiter is its own queue node: subclass it, put what is needed to answer the caller into fields, hand it to
 * `ResourcePool.acquire()`. Neither method may throw. Both are called synchronously, exactly one of them, once; who
 * must answer in a later tick, or in the caller's async context, does so in here.
 *
 * Once it is answered the pool forgets the waiter completely, so that what it refers to can be collected.
 */
export abstract class Waiter<C> {
  /** What the caller named this acquire. */
  label: string | undefined = undefined;
  /** When it was queued (monotonic ms). */
  since = 0;
  /** When it gives up (monotonic ms). */
  deadline: number = Number.POSITIVE_INFINITY;
  /** The duration behind {@link deadline}, and whether the caller named it rather than the pool's options. */
  timeoutMs: number = Number.POSITIVE_INFINITY;
  ownTimeout = false;
  /** Whether it stands in a pool's queue. */
  queued = false;

  // Links of WaiterQueue and DeadlineQueue; only they touch them.
  before: Waiter<C> | undefined = undefined;
  after: Waiter<C> | undefined = undefined;
  sooner: Waiter<C> | undefined = undefined;
  later: Waiter<C> | undefined = undefined;
  heapIndex = -1;

  /**
   * The connection is the caller's now: `entry.connection`, until `pool.release(entry, entry.leaseId)`.
   *
   * @returns the object whose loss would mean the lease is lost, for observers with `tracksLeases`.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: most waiters have no such object and return nothing
  abstract granted(entry: Entry<C>, waitedMs: number): object | void;
  abstract refused(error: Error): void;
}
