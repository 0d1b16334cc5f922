/**
 * Writes a heap snapshot when it can be afforded.
 *
 * @module
 */
import { readdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { writeHeapSnapshot } from 'node:v8';
import { availableMemoryBytes } from './_memory_limit_reading.ts';
import { refuseSnapshot, type SnapshotRefusal } from './_snapshot_policy.ts';
import type { Clock } from './clock.ts';
import type { ResolvedSnapshotOptions } from './options.ts';

/** The file, or why there is none. */
export type SnapshotOutcome =
  | { readonly file: string; readonly bytes: number; readonly tookMs: number }
  | { readonly refused: SnapshotRefusal | 'off' | 'failed'; readonly detail?: string };

const NAME = /^fynlo-.*\.heapsnapshot$/;

/** Takes snapshots into one folder, with a cooldown between them. */
export class HeapSnapshots {
  readonly #options: false | ResolvedSnapshotOptions;
  readonly #clock: Clock;
  #lastAt = Number.NEGATIVE_INFINITY;

  constructor(options: false | ResolvedSnapshotOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Never throws: a guard that fails to take a snapshot has still a leak to report. */
  async take(): Promise<SnapshotOutcome> {
    if (this.#options === false) return { refused: 'off' };
    try {
      return await this.#take(this.#options);
    } catch (error) {
      return { refused: 'failed', detail: String(error) };
    }
  }

  async #take(options: ResolvedSnapshotOptions): Promise<SnapshotOutcome> {
    const { directory } = options;
    const existing = await sizes(directory);
    const { bavail, bsize } = await statfs(directory);
    const refused = refuseSnapshot(
      {
        now: this.#clock.now(),
        lastAt: this.#lastAt,
        heapUsedBytes: process.memoryUsage().heapUsed,
        availableBytes: availableMemoryBytes(),
        diskFreeBytes: bavail * bsize,
        existing,
      },
      options,
    );
    if (refused !== undefined) return { refused };
    const stamp = new Date(this.#clock.wallNow()).toISOString().replaceAll(':', '-');
    const start = performance.now();
    const file = writeHeapSnapshot(join(directory, `fynlo-${process.pid}-${stamp}.heapsnapshot`));
    const tookMs = performance.now() - start;
    this.#lastAt = this.#clock.now();
    const { size } = await stat(file);
    const total = existing.reduce((sum, bytes) => sum + bytes, size);
    if (total > options.maxBytes) {
      await rm(file);
      return {
        refused: 'disk-cap',
        detail: `the file had ${size} bytes, ${total} with the others; removed`,
      };
    }
    return { file, bytes: size, tookMs };
  }
}

async function sizes(directory: string): Promise<number[]> {
  const names = (await readdir(directory)).filter((name) => NAME.test(name));
  return Promise.all(names.map(async (name) => (await stat(join(directory, name))).size));
}
