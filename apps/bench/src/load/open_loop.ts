import { arrivals, pace, type Random, steady } from '@fynlo/orchestrator/measurement';
import { type Load, LoadRecorder, type LoadResult } from './load.ts';

/**
 * Operations that start by a schedule, whether or not the earlier ones are answered, as requests arrive at a service.
 * Latency counts from the intended start, so a stall shows in every operation it delayed; how late the generator itself
 * was is kept apart as `lag`.
 */
export async function openLoop(
  load: Load & { readonly ratePerSecond: number; readonly random: Random },
): Promise<LoadResult> {
  const recorder = new LoadRecorder();
  const inFlight = new Set<Promise<void>>();
  const due = arrivals([steady(load.warmupMs + load.durationMs, load.ratePerSecond)], load.random);
  let last = 0;

  async function operate(i: number, intended: number): Promise<void> {
    const started = performance.now();
    if (intended >= recorder.measuredFrom) recorder.lag.record(started - intended);
    try {
      const answer = await load.operation(i, intended);
      const now = performance.now();
      // Where more comes in than is done, the answers come long after the schedule has ended: all of that is time they took.
      last = Math.max(last, now);
      recorder.succeeded(intended, started, now, answer);
    } catch (error) {
      recorder.threw(intended, error);
    }
  }

  const paced = pace(
    due,
    ({ index, dueMs, intendedAt }) => {
      if (dueMs >= load.warmupMs && recorder.measuredFrom === Number.POSITIVE_INFINITY) {
        recorder.measuredFrom = intendedAt;
        load.onMeasure?.();
      }
      last = Math.max(last, intendedAt);
      const operation = operate(index, intendedAt).finally(() => inFlight.delete(operation));
      inFlight.add(operation);
    },
    load.signal,
  );
  await paced.catch((error: unknown) => {
    if (!load.signal?.aborted) throw error;
  });
  await Promise.all(inFlight);
  return recorder.result(Math.max(1, last - Math.min(recorder.measuredFrom, last)));
}
