import { expect, test } from 'vitest';
import { InvalidationLog } from './_invalidation_log.ts';

test('only an invalidation after the beginning of a read touches it', () => {
  const log = new InvalidationLog();
  const first = log.begin();
  log.touch('k:a');
  const second = log.begin();
  expect(log.touchedSince(first, 'k:a')).toBe(true);
  expect(log.touchedSince(first, 'k:b')).toBe(false);
  expect(log.touchedSince(second, 'k:a')).toBe(false);
  log.touchAll();
  expect(log.touchedSince(second, 'k:b')).toBe(true);
});

test('it forgets when no read is in flight, and does not mistake the next read for an older one', () => {
  const log = new InvalidationLog();
  log.begin();
  log.touch('k:a');
  log.end();
  const next = log.begin();
  expect(log.touchedSince(next, 'k:a')).toBe(false);
  log.touch('k:a');
  expect(log.touchedSince(next, 'k:a')).toBe(true);
});

test('beyond its limit every read under way counts as touched, later ones do not', () => {
  const log = new InvalidationLog(3);
  const read = log.begin();
  for (const key of ['k:1', 'k:2', 'k:3', 'k:4']) log.touch(key);
  expect(log.touchedSince(read, 'k:other')).toBe(true);
  expect(log.touchedSince(log.begin(), 'k:1')).toBe(false);
});
