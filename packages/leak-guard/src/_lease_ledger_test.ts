import { expect, test } from 'vitest';
import { LeaseLedger } from './_lease_ledger.ts';

test('open leases are listed until they are closed', () => {
  const ledger = new LeaseLedger('main');
  const first = ledger.open(1, 10);
  const second = ledger.open(2, 20);
  expect([...ledger.records()]).toEqual([first, second]);
  ledger.close(first);
  ledger.close(first);
  expect(ledger.size).toBe(1);
  expect(ledger.get(10)).toBeUndefined();
  expect(ledger.get(20)).toBe(second);
});

test('the record of a connection is used again, unless it was armed', () => {
  const ledger = new LeaseLedger('main');
  const first = ledger.open(1, 10);
  ledger.close(first);
  const second = ledger.open(2, 10);
  expect(second).toBe(first);
  expect(second.leaseId).toBe(2);
  second.armed = true;
  ledger.close(second);
  expect(ledger.open(3, 10)).not.toBe(second);
});

test('a connection whose release was not told has one open lease, the newer', () => {
  const ledger = new LeaseLedger('main');
  const first = ledger.open(1, 10);
  const second = ledger.open(2, 10);
  expect({ size: ledger.size, first: first.open }).toEqual({ size: 1, first: false });
  expect(ledger.get(10)).toBe(second);
});

test('a connection that is gone takes its lease along', () => {
  const ledger = new LeaseLedger('main');
  ledger.open(1, 10).lease = {};
  ledger.forget(10);
  expect([...ledger.records()]).toEqual([]);
  expect(ledger.size).toBe(0);
});
