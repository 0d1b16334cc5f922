/**
 * Who decides for the mechanism.
 *
 * @module
 */
import type { Entry } from './_entry.ts';
import type { ConnectionState, DestroyReason } from './contract.ts';
import type { Waiter } from './waiter.ts';

/** What a failed connect means for those who wait. */
export type ConnectFailureVerdict = 'wait' | 'reject-one' | 'reject-all';

/** Decides what the mechanism carries out. Called synchronously, some of it on hot paths: every answer must be O(1). */
export interface Governor<C> {
  /**
   * Asked while acquires wait and there is room, before each connect: whether to start one more now. Who says no while
   * none is in flight must have a `ResourcePool.recheckIn()` pending.
   */
  wantsConnect(now: number): boolean;
  /** The time asked for by `recheckIn()` has come; the pool asks for demand right after. */
  rechecked?(now: number): void;
  /** The first connection of a pool that had none leased was leased. */
  stirred?(now: number): void;
  /** Told before the connection is offered to anybody. */
  connected?(entry: Entry<C>, tookMs: number, now: number): void;
  /** @default 'reject-one' */
  connectFailed?(error: unknown, startedAt: number, now: number): ConnectFailureVerdict;
  /** What `reject-one` and `reject-all` reject with. @default the connect's own error */
  connectError?(error: unknown): Error;
  /** Whether a returned connection past its lifetime or uses may be retired now. @default yes */
  mayRetire?(entry: Entry<C>, reason: 'lifetime' | 'max-uses', now: number): boolean;
  /** An acquire would have to wait: undefined to let it, an error to refuse it. */
  refuse?(now: number): Error | undefined;
  /** The error for an acquire whose deadline has passed. */
  timedOut(waiter: Waiter<C>, now: number): Error;
  /** A connection died by itself in this state. */
  lost?(entry: Entry<C>, state: ConnectionState, error: unknown, now: number): void;
  /** A connection left the pool. */
  destroyed?(entry: Entry<C>, reason: DestroyReason, now: number): void;
}
