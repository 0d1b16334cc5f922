/**
 * A lease's record in the words of the reports.
 *
 * @module
 */
import type { LeaseRecord } from './_lease_ledger.ts';
import type { HeldLease } from './report.ts';

/** @param now guard time, ms */
export function describeLease(record: LeaseRecord, now: number): Omit<HeldLease, 'proven'> {
  const { pool, leaseId, connectionId, site, label, acquiredAt } = record;
  return {
    pool,
    leaseId,
    connectionId,
    site: site?.at,
    stack: site?.stack ?? [],
    label,
    heldMs: now - acquiredAt,
  };
}

export function describeHeld(record: LeaseRecord, now: number): HeldLease {
  return { ...describeLease(record, now), proven: record.survivedProbes > 0 };
}
