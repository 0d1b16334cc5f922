/**
 * The open leases of one pool: what was acquired and not yet released.
 *
 * @module
 */
import type { AcquireSite, CapturedSite } from './acquire_site.ts';
import type { LeakedLease } from './report.ts';

/** One open lease. A record never refers to its lease once armed, or no lease would ever be collected. */
export interface LeaseRecord {
  readonly pool: string;
  readonly leaseId: number;
  readonly connectionId: number;
  readonly label: string | undefined;
  /** Guard time (the coarse clock that advances with each sweep), ms. */
  readonly acquiredAt: number;
  /** Taken at the acquire, unread; read when the lease survives its first sweep. */
  captured: CapturedSite | undefined;
  site: AcquireSite | undefined;
  /** The lease itself, until the record is armed. `undefined` from the start: the pool gives none, nothing can be proven. */
  lease: object | undefined;
  readonly provable: boolean;
  armed: boolean;
  /** Set once the collector has told that nobody can reach the lease. */
  leak: LeakedLease | undefined;
  /** Guard time at which the first look beyond the threshold happened; undefined before. */
  suspectSince: number | undefined;
  /** Conclusive probes that the lease has survived since then. */
  survivedProbes: number;
  /** `held` was told. */
  announced: boolean;
}

/** Open leases by id, oldest first. Pure bookkeeping: it neither looks at a clock nor at the collector. */
export class LeaseLedger {
  readonly #open = new Map<number, LeaseRecord>();

  get size(): number {
    return this.#open.size;
  }

  open(record: LeaseRecord): void {
    this.#open.set(record.leaseId, record);
  }

  get(leaseId: number): LeaseRecord | undefined {
    return this.#open.get(leaseId);
  }

  /** Strikes the lease out; returns its record, or undefined when there is none. */
  close(leaseId: number): LeaseRecord | undefined {
    const record = this.#open.get(leaseId);
    if (record !== undefined) this.#open.delete(leaseId);
    return record;
  }

  /** The open lease on a connection, if any. A connection has at most one. */
  findByConnection(connectionId: number): LeaseRecord | undefined {
    for (const record of this.#open.values())
      if (record.connectionId === connectionId) return record;
    return undefined;
  }

  records(): IterableIterator<LeaseRecord> {
    return this.#open.values();
  }
}
