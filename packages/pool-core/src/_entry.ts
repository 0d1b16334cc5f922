/**
 * The pool's record of one connection: its place in the pool, and the ledger of the lease it is out on.
 *
 * @module
 */

import type { Timer } from './clock.ts';
import type { ConnectionState, DestroyReason } from './contract.ts';

/**
 * One connection and what the pool knows of it. It never refers to the lease object handed out for it: a lease that
 * nobody holds must be unreachable, or nobody could prove it lost.
 *
 * Only the {@link ResourcePool} that made it writes to it.
 */
export class Entry<C> {
  /** Unique within its pool, from 1. */
  readonly id: number;
  state: ConnectionState | 'closed' = 'connecting';
  /** Undefined until connected. */
  connection: C | undefined = undefined;
  /** The pool's generation when the connect began; an older one dies on its return. */
  readonly generation: number;
  /** When the connect began, then when it was ready (monotonic ms). */
  createdAt: number;
  /** When it was last returned, or became ready (monotonic ms). */
  idleSince: number;
  /** When it was last found alive: connected, returned by a user, or validated (monotonic ms). */
  aliveAt: number;
  /** Leases it has served. */
  uses = 0;
  /** The lease it is out on; 0 when on none. */
  leaseId = 0;
  leasedAt = 0;
  label: string | undefined = undefined;
  /** The stack that the lease was asked for from, where that was taken. */
  site: string | undefined = undefined;
  /** When its lifetime ends (monotonic ms), jitter included; set by the lifecycle manager. */
  expiresAt: number = Number.POSITIVE_INFINITY;
  /** Set when it died or was outdated while somebody had it: it is destroyed when it comes back. */
  doomed: DestroyReason | undefined = undefined;

  // The idle stack's links. Only IdleStack touches them.
  above: Entry<C> | undefined = undefined;
  below: Entry<C> | undefined = undefined;

  // Of a connect, reset or close under way. Only Opener, Resetter and Closer touch them.
  timer: Timer | undefined = undefined;
  abort: AbortController | undefined = undefined;

  constructor(id: number, generation: number, now: number) {
    this.id = id;
    this.generation = generation;
    this.createdAt = now;
    this.idleSince = now;
    this.aliveAt = now;
  }
}
