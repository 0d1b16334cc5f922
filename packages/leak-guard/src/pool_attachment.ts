/**
 * One attached pool: its observer, and what is known of its open leases.
 *
 * @module
 */
import type {
  AcquiredEvent,
  EvictablePool,
  ObservablePool,
  PoolObserver,
} from '@fynlo/pool-core/contract';
import { LeaseLedger, type LeaseRecord } from './_lease_ledger.ts';
import type { CapturedSite, SiteSampler } from './acquire_site.ts';
import type { Clock, Timer } from './clock.ts';
import type { LeakedLease, ReclaimOutcome } from './report.ts';

/** A pool the guard can watch; with `reclaim` it can also act. */
export type GuardedPool = ObservablePool & Partial<EvictablePool>;

/** Told within the acquire call, while the caller's frames are on the stack. */
export interface AcquiringEvent {
  /** The id that `acquired` and `released` will carry. */
  readonly leaseId: number;
  readonly label?: string;
  /** The public function that was called: its frames and those below are none of the user's. */
  // biome-ignore lint/complexity/noBannedTypes: Error.captureStackTrace asks for exactly this
  readonly entry?: Function;
}

/**
 * A pool's observer that is also told when an acquire begins. A waiter is answered from within somebody else's
 * `release()`: a stack taken in `acquired` would blame the one who released.
 */
export interface LeaseObserver extends PoolObserver {
  acquiring?(event: AcquiringEvent): void;
}

/** What the guard does with the news of a pool. */
export interface AttachmentListener {
  readonly sampler: SiteSampler;
  readonly clock: Clock;
  /** Guard time, ms. */
  now(): number;
  /** An armed lease is back, or its connection is gone. */
  closed(record: LeaseRecord): void;
  reclaimed(leak: LeakedLease, outcome: ReclaimOutcome): void;
}

/** An acquire that never ends must not be remembered for ever. */
const MOST_PENDING_SITES = 10_000;

/**
 * A pool tells `destroyed` when the connection is closed, which takes a round trip: a reclaimed connection that is neither
 * told destroyed nor acquired again within this time has been returned.
 */
const CLOSING_MS = 1_000;

interface Reclaim {
  readonly leak: LeakedLease;
  /** Runs once the lease has ended. */
  closing: Timer | undefined;
}

export class PoolAttachment {
  readonly name: string;
  readonly pool: GuardedPool;
  readonly ledger: LeaseLedger;
  readonly #listener: AttachmentListener;
  /** Stacks of acquires that are not answered yet. */
  readonly #sites = new Map<number, CapturedSite>();
  /** Leaks whose connections the pool is taking back, by lease. */
  readonly #reclaiming = new Map<number, Reclaim>();
  #unobserve: (() => void) | undefined;
  #acquires = 0;

  constructor(pool: GuardedPool, name: string, listener: AttachmentListener) {
    this.pool = pool;
    this.name = name;
    this.ledger = new LeaseLedger(name);
    this.#listener = listener;
  }

  get reclaiming(): number {
    return this.#reclaiming.size;
  }

  /** Acquires since the last call. */
  takeAcquires(): number {
    const acquires = this.#acquires;
    this.#acquires = 0;
    return acquires;
  }

  observe(): void {
    this.#unobserve ??= this.pool.observe(this.#observer());
  }

  /** Forgets every open lease; what is released later is unknown then. Returns what was open. */
  unobserve(): LeaseRecord[] {
    this.#unobserve?.();
    this.#unobserve = undefined;
    const open = [...this.ledger.records()];
    this.ledger.clear();
    this.#sites.clear();
    for (const { closing } of this.#reclaiming.values()) closing?.cancel();
    this.#reclaiming.clear();
    return open;
  }

  /** Asks the pool to take a leaked lease back, unless it is at it. The outcome is told by `reclaimed`. */
  reclaim(record: LeaseRecord, leak: LeakedLease): void {
    const { leaseId, site } = record;
    if (this.pool.reclaim === undefined || this.#reclaiming.has(leaseId)) return;
    this.#reclaiming.set(leaseId, { leak, closing: undefined });
    const reason = `acquired at ${site?.at ?? 'an unsampled place'}, and nobody can reach it any more`;
    if (!this.pool.reclaim(leaseId, reason)) this.#reclaiming.delete(leaseId);
  }

  /** The observer lives as long as the pool: it must not refer to a lease. */
  #observer(): LeaseObserver {
    const { sampler } = this.#listener;
    const sites = this.#sites;
    let tellsAcquiring = false;
    return {
      tracksLeases: true,
      acquiring: function acquiring({ leaseId, entry }) {
        tellsAcquiring = true;
        if (!sampler.chosen()) return;
        const [oldest] = sites.keys();
        if (sites.size >= MOST_PENDING_SITES && oldest !== undefined) sites.delete(oldest);
        sites.set(leaseId, sampler.take(entry ?? acquiring));
      },
      acquired: (event) => {
        // Without `acquiring` the caller's frames are here only when the answer came within the call.
        const within = !tellsAcquiring && event.waitedMs === 0 && event.lease !== undefined;
        this.#acquired(event, within && sampler.chosen() ? sampler.take(sampler.take) : undefined);
      },
      released: ({ leaseId, connectionId }) => this.#released(leaseId, connectionId),
      rejected: (event: { readonly code: string; readonly leaseId?: number }) => {
        if (event.leaseId !== undefined) sites.delete(event.leaseId);
      },
      destroyed: ({ connectionId }) => this.#destroyed(connectionId),
    };
  }

  #acquired(event: AcquiredEvent, now: CapturedSite | undefined): void {
    const { leaseId, connectionId, label, lease } = event;
    this.#acquires++;
    if (this.#reclaiming.size > 0) this.#reclaimEnded(connectionId, 'returned');
    const before = this.#sites.size > 0 ? this.#sites.get(leaseId) : undefined;
    if (before !== undefined) this.#sites.delete(leaseId);
    const record = this.ledger.open(leaseId, connectionId);
    record.label = label;
    record.acquiredAt = this.#listener.now();
    record.captured = before ?? now;
    record.lease = lease;
    record.provable = lease !== undefined;
  }

  #released(leaseId: number, connectionId: number): void {
    const record = this.ledger.get(connectionId);
    if (record?.leaseId === leaseId) {
      this.ledger.close(record);
      if (record.armed) this.#listener.closed(record);
    }
    const reclaim = this.#reclaiming.get(leaseId);
    if (reclaim === undefined) return;
    const { clock } = this.#listener;
    reclaim.closing ??= clock.setTimeout(() => this.#reclaimed(leaseId, 'returned'), CLOSING_MS);
  }

  #destroyed(connectionId: number): void {
    this.#reclaimEnded(connectionId, 'destroyed');
    const record = this.ledger.get(connectionId);
    this.ledger.forget(connectionId);
    if (record?.armed) this.#listener.closed(record);
  }

  #reclaimEnded(connectionId: number, outcome: ReclaimOutcome): void {
    for (const [leaseId, { leak }] of this.#reclaiming) {
      if (leak.connectionId === connectionId) this.#reclaimed(leaseId, outcome);
    }
  }

  #reclaimed(leaseId: number, outcome: ReclaimOutcome): void {
    const reclaim = this.#reclaiming.get(leaseId);
    if (reclaim === undefined) return;
    reclaim.closing?.cancel();
    this.#reclaiming.delete(leaseId);
    this.#listener.reclaimed(reclaim.leak, outcome);
  }
}
