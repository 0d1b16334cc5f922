/**
 * The acquires that wait, in order of arrival, and who of them gives up next.
 *
 * @module
 */
import { SoonestTimer } from './_deadline.ts';
import { DeadlineHeap } from './_deadline_heap.ts';
import type { Clock } from './clock.ts';
import { NOWHERE, type Waiter } from './waiter.ts';

/** `Waiter.place` of one that gives up after all who came before it; most do, as most have the same timeout. */
const IN_ORDER = -1;
/** `Waiter.place` of one that never gives up. */
const NEVER = -2;

/**
 * First in, first out, and O(1) to leave from anywhere (pg-pool searches and splices an array). One timer for the first
 * deadline of all, left as it is when its waiter is served, so that most acquires set no timer: `setTimeout` and
 * `clearTimeout` cost a tenth of what pg-pool's whole acquire does.
 */
export class WaitingRoom<C> {
  readonly #clock: Clock;
  readonly #timer: SoonestTimer;
  readonly #expired: (waiter: Waiter<C>, now: number) => void;
  #head: Waiter<C> | undefined;
  #tail: Waiter<C> | undefined;
  #length = 0;
  /** The first that gives up in order. It only ever moves towards the tail, so finding the next is O(1) amortised. */
  #firstInOrder: Waiter<C> | undefined;
  #lastInOrder: Waiter<C> | undefined;
  readonly #odd = new DeadlineHeap<C>();

  /** @param expired told of a waiter whose time is up; it still stands in the queue and has to be taken out. */
  constructor(clock: Clock, expired: (waiter: Waiter<C>, now: number) => void) {
    this.#clock = clock;
    this.#expired = expired;
    this.#timer = new SoonestTimer(clock, () => this.#expire());
  }

  get length(): number {
    return this.#length;
  }

  /** The one that has waited longest. */
  get head(): Waiter<C> | undefined {
    return this.#head;
  }

  /** Queues a waiter whose `since` and `timeoutMs` are set. */
  add(waiter: Waiter<C>, now: number): void {
    const tail = this.#tail;
    waiter.before = tail;
    if (tail === undefined) this.#head = waiter;
    else tail.after = waiter;
    this.#tail = waiter;
    this.#length++;
    if (waiter.timeoutMs < 0) {
      waiter.place = NEVER;
      return;
    }
    const last = this.#lastInOrder;
    if (last !== undefined && waiter.deadline < last.deadline) this.#odd.add(waiter);
    else {
      waiter.place = IN_ORDER;
      this.#lastInOrder = waiter;
      this.#firstInOrder ??= waiter;
    }
    this.#timer.arm(waiter.deadline, now);
  }

  /** Takes out a waiter that is queued. It keeps no link to its neighbours, nor they to it. */
  remove(waiter: Waiter<C>): void {
    const { before, after } = waiter;
    if (waiter.place === IN_ORDER) {
      if (waiter === this.#lastInOrder) this.#lastInOrder = inOrder(before, false);
      if (waiter === this.#firstInOrder) this.#firstInOrder = inOrder(after, true);
    } else if (waiter.place !== NEVER) this.#odd.remove(waiter);
    if (before === undefined) this.#head = after;
    else before.after = after;
    if (after === undefined) this.#tail = before;
    else after.before = before;
    waiter.before = undefined;
    waiter.after = undefined;
    waiter.place = NOWHERE;
    this.#length--;
  }

  /** Nobody will come any more. */
  close(): void {
    this.#timer.cancel();
  }

  #expire(): void {
    const now = this.#clock.now();
    for (;;) {
      const waiter = this.#nextToGiveUp();
      if (waiter === undefined) return;
      if (waiter.deadline > now) {
        this.#timer.arm(waiter.deadline, now);
        return;
      }
      this.#expired(waiter, now);
    }
  }

  #nextToGiveUp(): Waiter<C> | undefined {
    const regular = this.#firstInOrder;
    const odd = this.#odd.first;
    if (regular === undefined) return odd;
    return odd !== undefined && odd.deadline < regular.deadline ? odd : regular;
  }
}

function inOrder<C>(from: Waiter<C> | undefined, forward: boolean): Waiter<C> | undefined {
  let waiter = from;
  while (waiter !== undefined && waiter.place !== IN_ORDER) {
    waiter = forward ? waiter.after : waiter.before;
  }
  return waiter;
}
