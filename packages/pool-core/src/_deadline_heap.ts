/**
 * Waiters by their deadline, where that is not the order in which they came.
 *
 * @module
 */
import type { Waiter } from './waiter.ts';

/** A binary heap; each waiter knows its place, so that one in the middle leaves in O(log n). */
export class DeadlineHeap<C> {
  readonly #heap: Waiter<C>[] = [];

  get first(): Waiter<C> | undefined {
    return this.#heap[0];
  }

  add(waiter: Waiter<C>): void {
    this.#heap.push(waiter);
    this.#rise(this.#heap.length - 1, waiter);
  }

  /** Takes out a waiter that is in it. */
  remove(waiter: Waiter<C>): void {
    const index = waiter.place;
    const moved = this.#heap.pop();
    if (moved === undefined || moved === waiter) return;
    const parent = this.#heap[(index - 1) >> 1];
    if (index > 0 && parent !== undefined && moved.deadline < parent.deadline) {
      this.#rise(index, moved);
    } else {
      this.#sink(index, moved);
    }
  }

  #rise(from: number, waiter: Waiter<C>): void {
    const heap = this.#heap;
    let index = from;
    while (index > 0) {
      const up = (index - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || parent.deadline <= waiter.deadline) break;
      heap[index] = parent;
      parent.place = index;
      index = up;
    }
    heap[index] = waiter;
    waiter.place = index;
  }

  #sink(from: number, waiter: Waiter<C>): void {
    const heap = this.#heap;
    let index = from;
    for (;;) {
      let down = 2 * index + 1;
      const left = heap[down];
      if (left === undefined) break;
      const right = heap[down + 1];
      let child = left;
      if (right !== undefined && right.deadline < left.deadline) {
        child = right;
        down++;
      }
      if (waiter.deadline <= child.deadline) break;
      heap[index] = child;
      child.place = index;
      index = down;
    }
    heap[index] = waiter;
    waiter.place = index;
  }
}
