/**
 * Whether a heap snapshot can be afforded now.
 *
 * @module
 */
import type { ResolvedSnapshotOptions } from './options.ts';

export interface SnapshotFacts {
  /** Monotonic, ms, as is `lastAt`. */
  readonly now: number;
  /** `-Infinity` when there was none. */
  readonly lastAt: number;
  readonly heapUsedBytes: number;
  /** What the process may still take, bytes. */
  readonly availableBytes: number;
  /** Free space of the file system, bytes. */
  readonly diskFreeBytes: number;
  /** Sizes of the snapshots that are there, bytes. */
  readonly existing: readonly number[];
}

export type SnapshotRefusal = 'cooldown' | 'no-headroom' | 'file-cap' | 'disk-cap' | 'disk-full';

/** A file is at most about this many times the used heap (measured: 1.0–2.4). */
const FILE_PER_HEAP = 3;

/** `undefined` allows it. Measured peak of memory while a snapshot is written: 14–16 times the used heap. */
export function refuseSnapshot(
  facts: SnapshotFacts,
  options: ResolvedSnapshotOptions,
): SnapshotRefusal | undefined {
  const estimate = facts.heapUsedBytes * FILE_PER_HEAP;
  const kept = facts.existing.reduce((total, bytes) => total + bytes, 0);
  if (facts.existing.length >= options.maxFiles) return 'file-cap';
  if (kept + estimate > options.maxBytes) return 'disk-cap';
  if (facts.now - facts.lastAt < options.cooldownMs) return 'cooldown';
  if (facts.availableBytes < facts.heapUsedBytes * options.headroomFactor) return 'no-headroom';
  return facts.diskFreeBytes < 2 * estimate ? 'disk-full' : undefined;
}
