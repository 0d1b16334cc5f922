/**
 * One acquire that has not been answered yet.
 *
 * @module
 */
import type { Entry } from './_entry.ts';

/** {@link Waiter.place} of one that stands in no queue. */
export const NOWHERE = -3;

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
  /** The stack it was asked for from, where that was taken. */
  site: string | undefined = undefined;
  /** When it was queued (monotonic ms). */
  since = 0;
  /** How long it waits at most, ms; negative: for as long as it takes. */
  timeoutMs = -1;
  /** Whether the caller named {@link timeoutMs}, rather than the pool's options. */
  ownTimeout = false;
  /** The lease's id, where it was allotted beforehand by `ResourcePool.beginAcquire()`; else 0. */
  leaseId = 0;

  // Only WaitingRoom touches these.
  before: Waiter<C> | undefined = undefined;
  after: Waiter<C> | undefined = undefined;
  /** Its place in the heap of odd deadlines; see WaitingRoom for the negative ones. */
  place: number = NOWHERE;

  // Ten thousand of these may wait, and the garbage collector copies each of them twice: no field that can be told from another,
  // and no number with a fraction (or Infinity), which is an object of its own, where there need not be one.

  /** Whether it stands in a pool's queue. */
  get queued(): boolean {
    return this.place !== NOWHERE;
  }

  /**
   * Whether it tells observers of its connection itself (`ResourcePool.announce()`): who acts on it within {@link granted} may have
   * given it back by the time that returns.
   */
  get announces(): boolean {
    return false;
  }

  /** When it gives up (monotonic ms), where it does. */
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
