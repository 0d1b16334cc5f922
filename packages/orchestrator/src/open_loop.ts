import { setTimeout as sleep } from 'node:timers/promises';
import { LatencyHistogram, type LatencySummary } from './latency_histogram.ts';
import { type DueRequest, pace } from './pacer.ts';

export interface OpenLoopOptions {
  /** When each request is due, ms from the start, ascending; see `arrivals`. */
  readonly due: Float64Array;
  /** One request. What it throws is counted by error code and never stops the load. */
  readonly work: (request: DueRequest) => Promise<void>;
  /** Ends everything at once: the call rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Ends only the offering of new requests; what is in flight is waited for, and the report is of what was offered. */
  readonly enough?: AbortSignal;
  /**
   * Requests in flight above which a due one is dropped (and counted): an overloaded target must not take the
   * generator's memory with it.
   * @default 20_000
   */
  readonly maxInFlight?: number;
  /** How long the requests still in flight after the last arrival may take, ms. @default 30_000 */
  readonly drainMs?: number;
}

export interface OpenLoopReport {
  readonly offered: number;
  readonly completed: number;
  readonly failed: number;
  readonly dropped: number;
  /** In flight when the drain time was over. */
  readonly unfinished: number;
  readonly peakInFlight: number;
  readonly tookMs: number;
  /** From intended to actual start: what the event loop and the host added before the request could begin. */
  readonly lag: LatencySummary;
  /** The host's share of it. */
  readonly hostLag: LatencySummary;
  /** Failures by `code`, else by name. */
  readonly errors: Readonly<Record<string, number>>;
}

/**
 * Offers requests at their own time, whether or not earlier ones have been answered: users do not wait for each other.
 * (A closed loop slows down with its target and hides exactly the moments that matter: "coordinated omission".)
 */
export async function runOpenLoop(options: OpenLoopOptions): Promise<OpenLoopReport> {
  const { due, work, signal, enough, maxInFlight = 20_000, drainMs = 30_000 } = options;
  const lag = new LatencyHistogram();
  const hostLag = new LatencyHistogram();
  const errors: Record<string, number> = {};
  let offered = 0;
  let inFlight = 0;
  let peakInFlight = 0;
  let completed = 0;
  let failed = 0;
  let dropped = 0;
  let drained: (() => void) | undefined;

  const settled = (): void => {
    inFlight--;
    if (inFlight === 0) drained?.();
  };
  const onDue = (request: DueRequest): void => {
    offered++;
    lag.record(performance.now() - request.intendedAt);
    hostLag.record(request.hostLagMs);
    if (inFlight >= maxInFlight) {
      dropped++;
      return;
    }
    inFlight++;
    if (inFlight > peakInFlight) peakInFlight = inFlight;
    work(request).then(
      () => {
        completed++;
        settled();
      },
      (error: unknown) => {
        failed++;
        const name = errorName(error);
        errors[name] = (errors[name] ?? 0) + 1;
        settled();
      },
    );
  };

  const startedAt = performance.now();
  const ends = [signal, enough].filter((one) => one !== undefined);
  await pace(due, onDue, AbortSignal.any(ends)).catch((error: unknown) => {
    if (enough?.aborted !== true) throw error;
  });
  signal?.throwIfAborted();
  if (inFlight > 0) {
    const deadline = new AbortController();
    const allSettled = new Promise<void>((resolve) => {
      drained = resolve;
    });
    const timeout = sleep(drainMs, undefined, {
      signal: signal === undefined ? deadline.signal : AbortSignal.any([signal, deadline.signal]),
    }).catch(() => undefined);
    await Promise.race([allSettled, timeout]);
    deadline.abort();
  }
  signal?.throwIfAborted();
  return {
    offered,
    completed,
    failed,
    dropped,
    unfinished: inFlight,
    peakInFlight,
    tookMs: performance.now() - startedAt,
    lag: lag.summary(),
    hostLag: hostLag.summary(),
    // A copy: what is still in flight may fail later, and is counted as unfinished.
    errors: { ...errors },
  };
}

function errorName(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
