import { type Random, seededRandom } from '@fynlo/orchestrator/measurement';
import { closedLoop } from '../load/closed_loop.ts';
import type { LoadResult } from '../load/load.ts';
import { openLoop } from '../load/open_loop.ts';
import { ClientCost } from '../measure/client_cost.ts';
import type { Metrics } from '../measure/metric.ts';
import { openPartMetrics, openPartOf } from '../scenario/open_part.ts';
import type { Params, RoundContext, RoundOutcome } from '../scenario/scenario.ts';

/** One operation of a load; `i` counts up over the whole round, and `from` is when its response time begins. */
export type Operation = (i: number, random: Random, from: number) => Promise<unknown>;

/** What is looked at beside the load, from the end of its warm-up to its end. */
export interface Watch {
  start?(): void;
  stop(): Metrics;
}

/**
 * Puts the round's load on an operation. An open loop when the parameters state its rate, else a closed one; and after that, where they
 * state a rate for it, an open one that answers what latency is then. What is watched, and what the client spends, is of the first.
 */
export async function putLoad(
  { params, seed, signal }: RoundContext,
  operation: Operation,
  watches: readonly Watch[] = [],
): Promise<RoundOutcome> {
  let i = 0;
  function put(
    { callers, ratePerSecond, warmupMs, durationMs }: Params,
    onMeasure: () => void = () => {},
  ): Promise<LoadResult> {
    // Anew for each loop: how much the one before took of it depends on its speed.
    const random = seededRandom(seed);
    const load = {
      operation: (_: number, from: number) => operation(i++, random, from),
      ...{ warmupMs, durationMs, signal, onMeasure },
    };
    return ratePerSecond === undefined
      ? closedLoop({ ...load, callers })
      : openLoop({ ...load, ratePerSecond, random });
  }

  const cost = new ClientCost();
  const first = await put(params, () => {
    cost.start();
    for (const watch of watches) watch.start?.();
  });
  const { cpuMicros, cpuPercent, rssPeakMb, allocatedBytes } = cost.stop();
  const watched = watches.map((watch) => watch.stop());
  const part = openPartOf(params);
  const open = part === undefined ? undefined : await put({ ...params, ...part });

  const done = Math.max(1, first.completed + first.failed);
  const firstError = first.firstError ?? open?.firstError;
  return {
    metrics: Object.assign(
      {
        ...timesOf(first),
        cpuMicrosPerOp: cpuMicros / done,
        cpuPercent,
        bytesPerOp: allocatedBytes / done,
        rssPeakMb,
        errors: first.failed + (open?.failed ?? 0),
        ...(open === undefined ? {} : openPartMetrics(timesOf(open))),
      },
      ...watched,
    ),
    histogram: first.response.buckets(),
    ...(open === undefined ? {} : { openHistogram: open.response.buckets() }),
    ...(firstError === undefined ? {} : { details: { firstError: String(firstError) } }),
  };
}

function timesOf({ completed, elapsedMs, response, service, lag }: LoadResult): Metrics {
  return {
    opsPerSecond: (completed / elapsedMs) * 1000,
    p50Ms: response.percentile(50),
    p95Ms: response.percentile(95),
    p99Ms: response.percentile(99),
    maxMs: response.summary().max,
    ...(lag.count === 0
      ? {}
      : { serviceP50Ms: service.percentile(50), lagP99Ms: lag.percentile(99) }),
  };
}

/** A load that must not fail: the first error is the round's failure, with its cause. */
export function expectNoErrors(outcome: RoundOutcome): RoundOutcome {
  if (outcome.metrics.errors) {
    throw new Error(
      `${outcome.metrics.errors} operations failed, the first: ${outcome.details?.['firstError']}`,
    );
  }
  return outcome;
}
