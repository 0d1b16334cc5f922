/**
 * The open leases of one pool: what was acquired and not yet released.
 *
 * @module
 */
import type { AcquireSite, CapturedSite } from './acquire_site.ts';
import type { LeakedLease } from './report.ts';

/** One lease. A record never refers to its lease once armed, or no lease would ever be collected. */
export class LeaseRecord {
  readonly pool: string;
  readonly connectionId: number;
  leaseId = 0;
  label: string | undefined = undefined;
  /** Guard time (the coarse clock that advances with each sweep), ms. */
  acquiredAt = 0;
  /** Taken at the acquire, unread; read when the lease survives its first sweep. */
  captured: CapturedSite | undefined = undefined;
  site: AcquireSite | undefined = undefined;
  /** The lease itself, until the record is armed. */
  lease: object | undefined = undefined;
  /** False when the pool gives no lease object: nothing can be proven then. */
  provable = false;
  open = false;
  armed = false;
  /** Set once the collector has told that nobody can reach the lease. */
  leak: LeakedLease | undefined = undefined;
  /** Guard time at which the first look beyond the threshold happened. */
  suspectSince: number | undefined = undefined;
  /** Conclusive probes that the lease has survived since then. */
  survivedProbes = 0;
  /** `held` was told. */
  announced = false;

  constructor(pool: string, connectionId: number) {
    this.pool = pool;
    this.connectionId = connectionId;
  }
}

/**
 * Open leases by connection: each has at most one. Pure bookkeeping, without a clock or the collector.
 *
 * An acquire and a release happen thousands of times for each lease that lives to see a sweep. They neither add to a
 * Map nor delete from it (which makes V8 rebuild its table again and again): a connection's record is used again, unless
 * it was armed and the registry may still refer to it.
 */
export class LeaseLedger {
  readonly #pool: string;
  readonly #records = new Map<number, LeaseRecord>();
  #size = 0;

  constructor(pool: string) {
    this.#pool = pool;
  }

  get size(): number {
    return this.#size;
  }

  /** A fresh record, open. One that is still open on this connection is dropped: its release was not told. */
  open(leaseId: number, connectionId: number): LeaseRecord {
    let record = this.#records.get(connectionId);
    if (record === undefined || record.armed || record.open) {
      if (record?.open) this.close(record);
      record = new LeaseRecord(this.#pool, connectionId);
      this.#records.set(connectionId, record);
    }
    record.leaseId = leaseId;
    record.open = true;
    this.#size++;
    return record;
  }

  /** The open lease on a connection. */
  get(connectionId: number): LeaseRecord | undefined {
    const record = this.#records.get(connectionId);
    return record?.open ? record : undefined;
  }

  close(record: LeaseRecord): void {
    if (!record.open) return;
    record.open = false;
    record.lease = undefined;
    record.captured = undefined;
    this.#size--;
  }

  /** The connection is gone for good. */
  forget(connectionId: number): void {
    const record = this.#records.get(connectionId);
    if (record?.open) this.close(record);
    this.#records.delete(connectionId);
  }

  clear(): void {
    this.#records.clear();
    this.#size = 0;
  }

  *records(): Generator<LeaseRecord> {
    for (const record of this.#records.values()) if (record.open) yield record;
  }
}
