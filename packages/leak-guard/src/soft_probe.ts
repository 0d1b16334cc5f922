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
  /**
   * Whether a soft probe that brings no collection about in time is followed by a forced one. One that the system refuses
   * the address space always is. @default true
   */
  readonly force?: boolean;
  readonly signal?: AbortSignal;
}

/** Above glibc's largest mmap threshold (32 MB): below it calloc recycles touched pages, and each probe costs memory. */
const CHUNK_BYTES = 40 * 1_048_576;
const MAX_CHUNKS = 24;
const STEP_MS = 15;
/**
 * From here on the steps get longer, 1.4 s in all: by now marking has begun, and on a large heap or a busy machine it wants
 * time, not more chunks (past V8's hard limit it would be finished in one long stop).
 */
const BRISK_CHUNKS = 8;

let heldBytes = 0;

/** Bytes that running probes count as external memory; to be taken off what `process.memoryUsage()` says. */
export function probeHeldBytes(): number {
  return heldBytes;
}

/** Brings a major collection about, and lets finalisation callbacks run before it resolves. */
export async function probe(options: ProbeOptions = {}): Promise<ProbeResult> {
  const start = performance.now();
  const soft = options.kind === 'full' ? undefined : await softProbe(options);
  const force = soft === undefined || soft.refused || (!soft.conclusive && (options.force ?? true));
  const forced = force && !options.signal?.aborted && (await collectGarbage());
  // Callbacks of a FinalizationRegistry run in a task of their own after the collection.
  for (let i = 0; i < 3; i++) await pause(1, options);
  const tookMs = performance.now() - start;
  if (forced || soft === undefined) {
    return { kind: 'full', conclusive: forced, chunks: soft?.chunks ?? 0, tookMs, stallMs: tookMs };
  }
  const { conclusive, chunks, stallMs } = soft;
  return { kind: 'soft', conclusive, chunks, tookMs, stallMs };
}

interface SoftOutcome {
  readonly conclusive: boolean;
  /** The system gave no address space for a chunk. */
  readonly refused: boolean;
  readonly chunks: number;
  readonly stallMs: number;
}

async function softProbe(options: ProbeOptions): Promise<SoftOutcome> {
  const held: ArrayBuffer[] = [];
  let major = false;
  let refused = false;
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
      const wait = STEP_MS * (1 + Math.max(0, held.length - BRISK_CHUNKS) / 2);
      await pause(wait, options);
      stallMs += Math.max(0, performance.now() - before - wait - 1);
    }
  } catch (error) {
    // As under ulimit -v or strict overcommit.
    if (!(error instanceof RangeError)) throw error;
    refused = true;
  } finally {
    unwatch();
    heldBytes -= held.length * CHUNK_BYTES;
  }
  const chunks = held.length;
  free(held);
  return { conclusive: major, refused, chunks, stallMs };
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
