/**
 * The acquires that wait, in order of arrival.
 *
 * @module
 */
import type { Waiter } from './waiter.ts';

/** First in, first out, and O(1) to leave from anywhere (pg-pool searches and splices an array). */
export class WaiterQueue<C> {
  #head: Waiter<C> | undefined;
  #tail: Waiter<C> | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get head(): Waiter<C> | undefined {
    return this.#head;
  }

  push(waiter: Waiter<C>): void {
    const tail = this.#tail;
    waiter.before = tail;
    waiter.queued = true;
    if (tail === undefined) this.#head = waiter;
    else tail.after = waiter;
    this.#tail = waiter;
    this.#length++;
  }

  /** Takes out a waiter that is queued. It keeps no link to its neighbours, nor they to it. */
  remove(waiter: Waiter<C>): void {
    const { before, after } = waiter;
    if (before === undefined) this.#head = after;
    else before.after = after;
    if (after === undefined) this.#tail = before;
    else after.before = before;
    waiter.before = undefined;
    waiter.after = undefined;
    waiter.queued = false;
    this.#length--;
  }
}
