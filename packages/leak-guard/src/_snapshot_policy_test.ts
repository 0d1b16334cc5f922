import { expect, test } from 'vitest';
import { refuseSnapshot, type SnapshotFacts, type SnapshotRefusal } from './_snapshot_policy.ts';

const OPTIONS = {
  directory: '/x',
  maxFiles: 2,
  maxBytes: 1_000,
  cooldownMs: 60_000,
  headroomFactor: 16,
};
const FINE: SnapshotFacts = {
  now: 100_000,
  lastAt: Number.NEGATIVE_INFINITY,
  heapUsedBytes: 100,
  availableBytes: 1_600,
  diskFreeBytes: 10_000,
  existing: [],
};

test.each<[string, Partial<SnapshotFacts>, SnapshotRefusal | undefined]>([
  ['all is well', {}, undefined],
  ['one is there', { existing: [500] }, undefined],
  ['the files are as many as allowed', { existing: [1, 1] }, 'file-cap'],
  ['the next could pass the bytes allowed', { existing: [701] }, 'disk-cap'],
  ['the last was just now', { lastAt: 40_001 }, 'cooldown'],
  ['the last was long ago', { lastAt: 40_000 }, undefined],
  ['memory is short', { availableBytes: 1_599 }, 'no-headroom'],
  ['the disk is full', { diskFreeBytes: 599 }, 'disk-full'],
])('L06 when %s', (_name, facts, refusal) => {
  expect(refuseSnapshot({ ...FINE, ...facts }, OPTIONS)).toBe(refusal);
});
