import { type Load, LoadRecorder, type LoadResult } from './load.ts';

/**
 * `callers` that each start the next operation when the last one is answered: the most that so many callers get
 * through. Right for throughput; its latencies leave out what waits outside (coordinated omission), so a claim about
 * latency under a given rate wants {@link openLoop}.
 */
export async function closedLoop(load: Load & { readonly callers: number }): Promise<LoadResult> {
  const recorder = new LoadRecorder();
  const begun = performance.now();
  const measureFrom = begun + load.warmupMs;
  const end = measureFrom + load.durationMs;
  let next = 0;
  let lastAnswer = measureFrom;

  async function caller(): Promise<void> {
    for (;;) {
      const started = performance.now();
      if (started >= end || load.signal?.aborted) return;
      if (started >= measureFrom && recorder.measuredFrom === Number.POSITIVE_INFINITY) {
        recorder.measuredFrom = started;
        load.onMeasure?.();
      }
      try {
        const answer = await load.operation(next++, started);
        lastAnswer = performance.now();
        recorder.succeeded(started, started, lastAnswer, answer);
      } catch (error) {
        recorder.threw(started, error);
        // A failure that comes at once must not turn the caller into a busy loop.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  await Promise.all(Array.from({ length: load.callers }, caller));
  return recorder.result(Math.max(1, lastAnswer - recorder.measuredFrom));
}
