/**
 * One query on its way through a lane, and the lists such queries stand in.
 */
import type { AsyncResource } from 'node:async_hooks';
import type { LearnedStatement } from './_learned_statement.ts';
import type { Lane } from './_pg_lane.ts';
import type { QueryCallback } from './_pg_query.ts';

/** A node of exactly one {@link QueryList} until it is settled: the lanes' queue, or the flight of one lane. */
export class LaneQuery {
  /** As the caller gave it. */
  readonly text: string | object;
  readonly values: unknown;
  readonly sql: string;
  readonly statement: LearnedStatement;
  /** Told once. */
  readonly reply: QueryCallback;
  /** The name it was sent with, where the pool gave it one. */
  autoName: string | undefined;
  /** Whether a name of the pool's may be given to it (again). */
  mayBeNamed: boolean;
  /** The lane it was sent on, while it is in flight. */
  lane: Lane | undefined;
  /** The limit of this one query, ms; 0: the client's. */
  timeoutMs = 0;
  /** When the caller is told that it took too long (monotonic ms). */
  expiresAt: number = Number.POSITIVE_INFINITY;
  /** The caller's context, from when it had to be queued. */
  scope: AsyncResource | undefined;
  /** Ends the watch over an AbortSignal. */
  unwatch: (() => void) | undefined;
  /** The signal's reason, once it has fired. */
  aborted: { readonly reason: unknown } | undefined;
  queuedAt = 0;
  sentAt = 0;
  /** Whether it is a slow statement that is tried on a lane: nothing is sent behind it. */
  readonly isTrial: boolean;
  /** What it was taken for in work, as it was sent, ms. */
  workMs = 0;
  /** Looks at which it was the lane's head. */
  sightings = 0;
  /** Whether its time has been counted already, while it was running. */
  charged = false;
  /** Whether the caller has his answer. It may still be in flight: what comes is dropped. */
  settled = false;
  retries = 0;

  // Only QueryList touches these.
  before: LaneQuery | undefined = undefined;
  after: LaneQuery | undefined = undefined;

  constructor(
    text: string | object,
    values: unknown,
    sql: string,
    statement: LearnedStatement,
    reply: QueryCallback,
    mayBeNamed: boolean,
  ) {
    this.text = text;
    this.values = values;
    this.sql = sql;
    this.statement = statement;
    this.reply = reply;
    this.mayBeNamed = mayBeNamed;
    this.isTrial = statement.slow;
  }

  /** Answers the caller, the first time. What his callback throws is his own uncaught exception, and nobody else's. */
  settle(error: Error | undefined, result?: unknown): void {
    if (this.settled) return;
    this.settled = true;
    this.unwatch?.();
    try {
      this.reply(error, result);
    } catch (thrown) {
      process.nextTick(() => {
        throw thrown;
      });
    }
  }
}

/** A list with O(1) at both ends and in the middle. */
export class QueryList {
  head: LaneQuery | undefined = undefined;
  tail: LaneQuery | undefined = undefined;
  length = 0;

  push(query: LaneQuery): void {
    const { tail } = this;
    query.before = tail;
    if (tail === undefined) this.head = query;
    else tail.after = query;
    this.tail = query;
    this.length++;
  }

  unshift(query: LaneQuery): void {
    const { head } = this;
    query.after = head;
    if (head === undefined) this.tail = query;
    else head.before = query;
    this.head = query;
    this.length++;
  }

  remove(query: LaneQuery): void {
    const { before, after } = query;
    if (before === undefined) this.head = after;
    else before.after = after;
    if (after === undefined) this.tail = before;
    else after.before = before;
    query.before = undefined;
    query.after = undefined;
    this.length--;
  }

  *[Symbol.iterator](): IterableIterator<LaneQuery> {
    for (let query = this.head; query !== undefined; ) {
      const next: LaneQuery | undefined = query.after;
      yield query;
      query = next;
    }
  }
}
