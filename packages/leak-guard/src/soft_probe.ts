/**
 * Makes V8 run a major collection without stopping the world, and without a flag.
 *
 * Only a major collection tells that a dropped lease is unreachable, and a service with little garbage may not have one
 * for minutes (measured: none in 60–90 s, 0 of 20 dropped leases told). Large ArrayBuffers that nobody touches cost
 * address space only (calloc maps them lazily), but V8 counts them as external memory, and starts an *incremental,
 * concurrent* major collection on their account: 9–45 ms of stall at 50–500 MB of live heap, against 30–486 ms forced.
 *
 * @module
 */
import { MessageChannel } from 'node:worker_threads';
import { collectGarbage } from './_inspector_session.ts';
import { onNextMajorCollection } from './_major_collection.ts';

export interface ProbeResult {
  /** What was used in the end. */
  readonly kind: 'soft' | 'full';
  /** Whether a major collection has begun and ended; without it nothing is proven. */
  readonly conclusive: boolean;
  /** Buffers that had to be allocated. */
  readonly chunks: number;
  readonly tookMs: number;
  /** Time by which the loop was late during the probe, ms. */
  readonly stallMs: number;
}

export interface ProbeOptions {
  /** @default 'soft', with 'full' as the way out when it brings no collection about */
  readonly kind?: 'soft' | 'full';
  /** Lets the probe keep the process alive until it is done: for a caller who awaits it. @default false */
  readonly ref?: boolean;
  readonly signal?: AbortSignal;
}

/** Above glibc's largest mmap threshold (32 MB): below it calloc recycles touched pages, and each probe costs memory. */
const CHUNK_BYTES = 40 * 1_048_576;
const MAX_CHUNKS = 24;
const STEP_MS = 15;

let heldBytes = 0;

/** Bytes that running probes count as external memory; to be taken off what `process.memoryUsage()` says. */
export function probeHeldBytes(): number {
  return heldBytes;
}

/** Brings a major collection about, and lets finalisation callbacks run before it resolves. */
export async function probe(options: ProbeOptions = {}): Promise<ProbeResult> {
  const start = performance.now();
  const soft = options.kind === 'full' ? undefined : await softProbe(options);
  const conclusive =
    soft?.conclusive === true || (!options.signal?.aborted && (await collectGarbage()));
  // Callbacks of a FinalizationRegistry run in a task of their own after the collection.
  for (let i = 0; i < 3; i++) await pause(1, options);
  const tookMs = performance.now() - start;
  if (soft?.conclusive) return { ...soft, tookMs };
  return { kind: 'full', conclusive, chunks: soft?.chunks ?? 0, tookMs, stallMs: tookMs };
}

async function softProbe(options: ProbeOptions): Promise<ProbeResult> {
  const start = performance.now();
  const held: ArrayBuffer[] = [];
  let major = false;
  let stallMs = 0;
  const unwatch = onNextMajorCollection(() => {
    major = true;
  });
  try {
    while (!major && held.length < MAX_CHUNKS && !options.signal?.aborted) {
      // Held until the collection is seen: on Node 20 a chunk dropped at once is not enough to start one.
      held.push(new ArrayBuffer(CHUNK_BYTES));
      heldBytes += CHUNK_BYTES;
      const before = performance.now();
      await pause(STEP_MS, options);
      stallMs += Math.max(0, performance.now() - before - STEP_MS - 1);
    }
  } catch (error) {
    // Refused address space (ulimit -v, strict overcommit): the caller falls back to a forced collection.
    if (!(error instanceof RangeError)) throw error;
  } finally {
    unwatch();
    heldBytes -= held.length * CHUNK_BYTES;
  }
  const chunks = held.length;
  free(held);
  return { kind: 'soft', conclusive: major, chunks, tookMs: performance.now() - start, stallMs };
}

/** Frees the chunks now: merely dropped they would stay in `arrayBuffers` until the next collection. */
function free(held: ArrayBuffer[]): void {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.postMessage(null, held);
  port1.close();
  held.length = 0;
}

/** Ends at once when aborted: `stop()` waits for it, and an unref'ed timer would let the process end before. */
function pause(ms: number, { ref, signal }: ProbeOptions): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    if (ref !== true) timer.unref();
    signal?.addEventListener('abort', done);
    if (signal?.aborted) done();
  });
}
