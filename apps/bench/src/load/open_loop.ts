import { poissonGapMs } from './arrivals.ts';
import { type Load, LoadRecorder, type LoadResult } from './load.ts';

/**
 * Operations that start by a schedule, whether or not the earlier ones are answered, as requests arrive at a service.
 * Latency counts from the intended start, so a stall shows in every operation it delayed; how late the generator itself
 * was is kept apart as `lag`.
 */
export async function openLoop(
  load: Load & { readonly ratePerSecond: number; readonly random: () => number },
): Promise<LoadResult> {
  const recorder = new LoadRecorder();
  const begun = performance.now();
  const measureFrom = begun + load.warmupMs;
  const end = measureFrom + load.durationMs;
  const inFlight = new Set<Promise<void>>();
  let intended = begun + poissonGapMs(load.ratePerSecond, load.random);

  async function operate(i: number, due: number): Promise<void> {
    const started = performance.now();
    if (due >= recorder.measuredFrom) recorder.lag.record(started - due);
    try {
      await load.operation(i);
      recorder.succeeded(due, started, performance.now());
    } catch (error) {
      recorder.threw(due, error);
    }
  }

  for (let i = 0; intended < end && !load.signal?.aborted; i++) {
    const early = intended - performance.now();
    // Timers are 1 ms coarse: within the last millisecond, yield to the event loop instead of sleeping.
    if (early > 1) await new Promise((resolve) => setTimeout(resolve, early - 1));
    while (performance.now() < intended) await new Promise((resolve) => setImmediate(resolve));
    if (intended >= measureFrom && recorder.measuredFrom === Number.POSITIVE_INFINITY) {
      recorder.measuredFrom = intended;
      load.onMeasure?.();
    }
    const operation = operate(i, intended).finally(() => inFlight.delete(operation));
    inFlight.add(operation);
    intended += poissonGapMs(load.ratePerSecond, load.random);
  }
  await Promise.all(inFlight);
  const until = Math.max(end, performance.now());
  return recorder.result(Math.max(1, until - Math.min(recorder.measuredFrom, until)));
}
