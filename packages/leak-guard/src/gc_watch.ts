/**
 * Sees every major collection, and how much memory was left after it.
 *
 * @module
 */
import { watchMajorCollections } from './major_collection.ts';
import { probeHeldBytes } from './soft_probe.ts';

/** The least memory seen right after a major collection. */
export interface MemoryFloor {
  readonly heapBytes: number;
  /** Outside V8's heap but owned by its objects: Buffers, ArrayBuffers, native objects. */
  readonly offHeapBytes: number;
}

/** Keeps the lowest floor since it was last asked. */
export class GcWatch {
  #unwatch: (() => void) | undefined;
  #floor: MemoryFloor | undefined;
  /** The last floor seen, for reports. */
  last: MemoryFloor | undefined;
  majors = 0;

  start(): void {
    this.#unwatch ??= watchMajorCollections(() => this.#sawMajor());
  }

  stop(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
  }

  /** The lowest floor since the last call; undefined when there was no major collection. */
  takeFloor(): MemoryFloor | undefined {
    const floor = this.#floor;
    this.#floor = undefined;
    return floor;
  }

  #sawMajor(): void {
    this.majors++;
    const { heapUsed, external } = process.memoryUsage();
    const offHeap = Math.max(0, external - probeHeldBytes());
    this.last = { heapBytes: heapUsed, offHeapBytes: offHeap };
    this.#floor = {
      heapBytes: Math.min(heapUsed, this.#floor?.heapBytes ?? Number.POSITIVE_INFINITY),
      offHeapBytes: Math.min(offHeap, this.#floor?.offHeapBytes ?? Number.POSITIVE_INFINITY),
    };
  }
}
