import { seededRandom } from '@fynlo/orchestrator/measurement';
import { closedLoop } from '../load/closed_loop.ts';
import type { LoadResult } from '../load/load.ts';
import { openLoop } from '../load/open_loop.ts';
import { ClientCost, type Cost } from '../measure/client_cost.ts';
import type { RoundContext, RoundOutcome } from '../scenario/scenario.ts';
import type { BenchPool } from '../subjects/bench_pool.ts';

/** Puts the round's load on a pool: an open loop when the parameters state a rate, else a closed one. */
export async function loadPool(
  pool: BenchPool,
  { params, seed, signal }: RoundContext,
  operation: (i: number, random: () => number) => Promise<unknown>,
): Promise<RoundOutcome> {
  const random = seededRandom(seed);
  const cost = new ClientCost();
  const load = {
    operation: (i: number) => operation(i, random),
    warmupMs: params.warmupMs,
    durationMs: params.durationMs,
    signal,
    onMeasure: () => cost.start(),
  };
  const { ratePerSecond, callers } = params;
  const result = await (ratePerSecond === undefined
    ? closedLoop({ ...load, callers })
    : openLoop({ ...load, ratePerSecond, random }));
  return outcomeOf(result, cost.stop(), pool);
}

function outcomeOf(
  result: LoadResult,
  { cpuMicros, cpuPercent, rssPeakMb, allocatedBytes }: Cost,
  pool: BenchPool,
): RoundOutcome {
  const { completed, failed, elapsedMs, response, service, lag, firstError } = result;
  const done = completed + failed;
  return {
    metrics: {
      opsPerSecond: (completed / elapsedMs) * 1000,
      p50Ms: response.percentile(50),
      p95Ms: response.percentile(95),
      p99Ms: response.percentile(99),
      maxMs: response.summary().max,
      ...(lag.count === 0
        ? {}
        : { serviceP50Ms: service.percentile(50), lagP99Ms: lag.percentile(99) }),
      cpuMicrosPerOp: cpuMicros / Math.max(1, done),
      cpuPercent,
      bytesPerOp: allocatedBytes / Math.max(1, done),
      ...pool.split?.(),
      rssPeakMb,
      ...openedBy(pool),
      errors: failed,
    },
    histogram: response.buckets(),
    ...(firstError === undefined ? {} : { details: { firstError: String(firstError) } }),
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

/** The count of connects as a metric, where the library tells it. */
export function openedBy(pool: BenchPool): { connectionsOpened?: number } {
  const opened = pool.opened();
  return opened === undefined ? {} : { connectionsOpened: opened };
}
