/**
 * Sees major collections, and how much memory was left after them.
 *
 * @module
 */
import { onNextMajorCollection } from './_major_collection.ts';
import { probeHeldBytes } from './soft_probe.ts';

/** The least memory seen right after a major collection. */
export interface MemoryFloor {
  readonly heapBytes: number;
  /** Outside V8's heap but owned by its objects: Buffers, ArrayBuffers, native objects. */
  readonly offHeapBytes: number;
}

/** Keeps the lowest floor since it was last asked. Sees at most one collection between two calls of `watch()`. */
export class GcWatch {
  #unwatch: (() => void) | undefined;
  #floor: MemoryFloor | undefined;
  #last: MemoryFloor | undefined;
  #majors = 0;

  /** The last floor seen, for reports. */
  get last(): MemoryFloor | undefined {
    return this.#last;
  }

  /** Major collections seen. */
  get majors(): number {
    return this.#majors;
  }

  /**
   * To be called at each sweep; does nothing while it waits for a collection. It is not called from within the callback:
   * a registration made there can keep Node from ending (node#47748).
   */
  watch(): void {
    this.#unwatch ??= onNextMajorCollection(() => this.#sawMajor());
  }

  stop(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
  }

  /** The lowest floor since the last call; undefined when no major collection was seen. */
  takeFloor(): MemoryFloor | undefined {
    const floor = this.#floor;
    this.#floor = undefined;
    return floor;
  }

  #sawMajor(): void {
    this.#unwatch = undefined;
    this.#majors++;
    const { heapUsed, external } = process.memoryUsage();
    const offHeap = Math.max(0, external - probeHeldBytes());
    this.#last = { heapBytes: heapUsed, offHeapBytes: offHeap };
    this.#floor = {
      heapBytes: Math.min(heapUsed, this.#floor?.heapBytes ?? Number.POSITIVE_INFINITY),
      offHeapBytes: Math.min(offHeap, this.#floor?.offHeapBytes ?? Number.POSITIVE_INFINITY),
    };
  }
}
