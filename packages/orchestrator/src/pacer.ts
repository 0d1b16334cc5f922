import { Worker } from 'node:worker_threads';
import { PACER_THREAD, type PacerMessage } from './_pacer_thread.ts';

/** One request that is due now. Times are on the clock of `performance.now()`. */
export interface DueRequest {
  readonly index: number;
  /** Offset in the schedule, ms. */
  readonly dueMs: number;
  /** When the schedule wanted it to start. */
  readonly intendedAt: number;
  /** How late the host woke the pacer's thread: scheduling delay of the machine, none of this process's doing. */
  readonly hostLagMs: number;
}

/**
 * Calls `onDue` once for each offset of `due` (ms from now, ascending), when it is due. Resolves after the last one;
 * rejects with the signal's reason as soon as it is aborted.
 */
export function pace(
  due: Float64Array,
  onDue: (request: DueRequest) => void,
  signal?: AbortSignal,
): Promise<void> {
  if (signal?.aborted === true) return Promise.reject(signal.reason);
  if (due.length === 0) return Promise.resolve();
  const toPerformance = performance.now() - Number(process.hrtime.bigint()) / 1e6;
  // Flags of the parent (--import, --inspect, …) are not for this thread.
  const thread = new Worker(PACER_THREAD, { eval: true, workerData: { due }, execArgv: [] });
  return new Promise<void>((resolve, reject) => {
    const finish = (settle: () => void): void => {
      signal?.removeEventListener('abort', abort);
      thread.removeAllListeners();
      // Nothing is left to learn from how it ends.
      thread.terminate().then(settle, settle);
    };
    const abort = (): void => finish(() => reject(signal?.reason));
    signal?.addEventListener('abort', abort, { once: true });
    thread.on('error', (error) => finish(() => reject(error)));
    thread.on('message', ([base, first, end, woke]: PacerMessage) => {
      for (let index = first; index < end; index++) {
        const dueMs = due[index] ?? 0;
        onDue({ index, dueMs, intendedAt: base + dueMs + toPerformance, hostLagMs: woke - dueMs });
      }
      if (end === due.length) finish(resolve);
    });
  });
}
