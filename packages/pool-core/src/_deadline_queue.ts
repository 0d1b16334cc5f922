/**
 * Who gives up first.
 *
 * Almost all waiters of a pool have the same timeout, so they give up in the order in which they came: a list, O(1) at
 * both ends. Those whose deadline comes before that of an earlier waiter go to a heap, O(log n). One timer for the
 * first of all replaces one per waiter (setTimeout + clearTimeout is 0.1–0.3 us, a fifth of pg-pool's acquire).
 *
 * @module
 */
import type { Waiter } from './waiter.ts';

export class DeadlineQueue<C> {
  #first: Waiter<C> | undefined;
  #last: Waiter<C> | undefined;
  readonly #heap: Waiter<C>[] = [];

  /** Adds a waiter with a finite deadline. */
  add(waiter: Waiter<C>): void {
    const last = this.#last;
    if (last === undefined) {
      this.#first = waiter;
      this.#last = waiter;
    } else if (waiter.deadline >= last.deadline) {
      waiter.sooner = last;
      last.later = waiter;
      this.#last = waiter;
    } else {
      this.#heap.push(waiter);
      this.#rise(this.#heap.length - 1, waiter);
    }
  }

  /** Takes out a waiter that was added. */
  remove(waiter: Waiter<C>): void {
    if (waiter.heapIndex >= 0) {
      this.#removeFromHeap(waiter);
      return;
    }
    const { sooner, later } = waiter;
    if (sooner === undefined) this.#first = later;
    else sooner.later = later;
    if (later === undefined) this.#last = sooner;
    else later.sooner = sooner;
    waiter.sooner = undefined;
    waiter.later = undefined;
  }

  /** The waiter with the earliest deadline. */
  peek(): Waiter<C> | undefined {
    const inList = this.#first;
    const inHeap = this.#heap[0];
    if (inList === undefined) return inHeap;
    return inHeap !== undefined && inHeap.deadline < inList.deadline ? inHeap : inList;
  }

  #removeFromHeap(waiter: Waiter<C>): void {
    const index = waiter.heapIndex;
    waiter.heapIndex = -1;
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
      parent.heapIndex = index;
      index = up;
    }
    heap[index] = waiter;
    waiter.heapIndex = index;
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
      child.heapIndex = index;
      index = down;
    }
    heap[index] = waiter;
    waiter.heapIndex = index;
  }
}
