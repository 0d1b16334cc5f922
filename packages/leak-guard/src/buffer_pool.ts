import { BufferNotLentError, InvalidOptionError } from './errors.ts';
import type { Tracker } from './object_tracker.ts';

export interface BufferPoolOptions {
  /** Smallest size class, bytes; smaller requests get one of it. @default 1024, a power of two */
  readonly minBytes?: number;
  /** Largest size class, bytes; larger requests are served, and not kept. @default 1048576, a power of two */
  readonly maxBytes?: number;
  /** Bytes kept idle over all classes. @default 67108864 */
  readonly maxIdleBytes?: number;
  /** A guard, so that buffers that are never released are told of as `leak` with kind `buffer`. */
  readonly guard?: { track(object: object, kind: string): Tracker };
}

export interface BufferPoolStats {
  /** Requests served from idle buffers, and by allocating. */
  readonly hits: number;
  readonly misses: number;
  /** Buffers lent out now, lost ones included as long as they are reachable. */
  readonly lent: number;
  readonly idleBytes: number;
  /** Released buffers that were let go because the pool was full, or because they were too large. */
  readonly dropped: number;
  /** Idle buffers by size class. */
  readonly idleByClass: Readonly<Record<number, number>>;
}

/**
 * Lends Buffers and takes them back: a service that needs large Buffers in quick succession neither allocates off the
 * heap nor makes the collector free them.
 *
 * Size classes are the powers of two. As with `Buffer.allocUnsafe()`, what a buffer contains is left over from before;
 * and as with any pool, a buffer must not be used after its release.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { BufferPool } from '@fynlo/leak-guard';
 *
 * const buffers = new BufferPool();
 * const buffer = buffers.acquire(5_000);
 * assert.equal(buffer.length, 5_000);
 * buffers.release(buffer);
 * assert.equal(buffers.stats().idleBytes, 8_192);
 * buffers.release(buffers.acquire(6_000));
 * assert.equal(buffers.stats().hits, 1);
 * ```
 */
export class BufferPool {
  readonly #minBytes: number;
  readonly #maxBytes: number;
  readonly #maxIdleBytes: number;
  readonly #guard: BufferPoolOptions['guard'];
  readonly #idle = new Map<number, ArrayBuffer[]>();
  /** By memory, not by view: a `subarray()` may be released as well, and keeps the memory lent. Weak: lost is lost. */
  readonly #lent = new WeakMap<ArrayBufferLike, { readonly tracker: Tracker | undefined }>();
  #lentCount = 0;
  #idleBytes = 0;
  #hits = 0;
  #misses = 0;
  #dropped = 0;
  readonly #lost = new FinalizationRegistry<undefined>(() => {
    this.#lentCount--;
  });

  /** @throws InvalidOptionError for sizes that are no powers of two, or in the wrong order */
  constructor(options: BufferPoolOptions = {}) {
    this.#minBytes = powerOfTwo('minBytes', options.minBytes ?? 1_024);
    this.#maxBytes = powerOfTwo('maxBytes', options.maxBytes ?? 1_048_576);
    this.#maxIdleBytes = options.maxIdleBytes ?? 67_108_864;
    this.#guard = options.guard;
    if (this.#maxBytes < this.#minBytes) {
      throw new InvalidOptionError(
        'maxBytes',
        this.#maxBytes,
        `at least minBytes (${this.#minBytes})`,
      );
    }
    if (!(this.#maxIdleBytes >= 0)) {
      throw new InvalidOptionError('maxIdleBytes', this.#maxIdleBytes, 'a number from 0');
    }
  }

  /** @throws InvalidOptionError when `size` is no whole number from 0 */
  acquire(size: number): Buffer {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new InvalidOptionError('size', size, 'a whole number of bytes from 0');
    }
    const memory = this.#take(this.#classOf(size));
    this.#lent.set(memory, { tracker: this.#guard?.track(memory, 'buffer') });
    this.#lost.register(memory, undefined, memory);
    this.#lentCount++;
    return Buffer.from(memory, 0, size);
  }

  /** @throws BufferNotLentError when it is not out on loan from this pool */
  release(buffer: Buffer): void {
    const memory = buffer.buffer;
    const loan = this.#lent.get(memory);
    if (loan === undefined) throw new BufferNotLentError(buffer.length);
    this.#lent.delete(memory);
    this.#lost.unregister(memory);
    this.#lentCount--;
    loan.tracker?.close();
    const bytes = memory.byteLength;
    if (bytes > this.#maxBytes || this.#idleBytes + bytes > this.#maxIdleBytes) {
      this.#dropped++;
      return;
    }
    const shelf = this.#idle.get(bytes) ?? [];
    this.#idle.set(bytes, shelf);
    shelf.push(memory as ArrayBuffer);
    this.#idleBytes += bytes;
  }

  stats(): BufferPoolStats {
    const idleByClass: Record<number, number> = {};
    for (const [bytes, shelf] of this.#idle)
      if (shelf.length > 0) idleByClass[bytes] = shelf.length;
    return {
      hits: this.#hits,
      misses: this.#misses,
      lent: this.#lentCount,
      idleBytes: this.#idleBytes,
      dropped: this.#dropped,
      idleByClass,
    };
  }

  /** With `shrink()` and `kind` it fits `MemoryLeakPrevention.registerCache()`. */
  bytes(): number {
    return this.#idleBytes;
  }

  readonly kind = 'off-heap' as const;

  /** Lets idle buffers go, the largest first, until at most `toBytes` are kept; returns what is kept. */
  shrink(toBytes: number): number {
    for (const bytes of [...this.#idle.keys()].sort((a, b) => b - a)) {
      const shelf = this.#idle.get(bytes) ?? [];
      while (shelf.length > 0 && this.#idleBytes > toBytes) {
        shelf.pop();
        this.#idleBytes -= bytes;
        this.#dropped++;
      }
    }
    return this.#idleBytes;
  }

  #classOf(size: number): number {
    if (size > this.#maxBytes) return size;
    return size <= this.#minBytes ? this.#minBytes : 2 ** Math.ceil(Math.log2(size));
  }

  #take(bytes: number): ArrayBuffer {
    const memory = this.#idle.get(bytes)?.pop();
    if (memory !== undefined) {
      this.#hits++;
      this.#idleBytes -= bytes;
      return memory;
    }
    this.#misses++;
    // Slow: the fast path carves small buffers out of a shared slab, which then belongs to nobody alone.
    return Buffer.allocUnsafeSlow(bytes).buffer;
  }
}

function powerOfTwo(field: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1 || 2 ** Math.round(Math.log2(value)) !== value) {
    throw new InvalidOptionError(field, value, 'a power of two from 1');
  }
  return value;
}
