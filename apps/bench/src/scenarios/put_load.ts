import { seededRandom } from '@fynlo/orchestrator/measurement';
import { closedLoop } from '../load/closed_loop.ts';
import type { LoadResult } from '../load/load.ts';
import { openLoop } from '../load/open_loop.ts';
import { ClientCost } from '../measure/client_cost.ts';
import type { Metrics } from '../measure/metric.ts';
import type { RoundContext } from '../scenario/scenario.ts';

/** Puts the round's load on an operation: an open loop when the parameters state a rate, else a closed one. */
export async function putLoad(
  { params, seed, signal }: RoundContext,
  operation: (i: number, random: () => number, from: number) => Promise<unknown>,
): Promise<{ metrics: Metrics; result: LoadResult }> {
  const random = seededRandom(seed);
  const cost = new ClientCost();
  const load = {
    operation: (i: number, from: number) => operation(i, random, from),
    warmupMs: params.warmupMs,
    durationMs: params.durationMs,
    signal,
    onMeasure: () => cost.start(),
  };
  const { ratePerSecond, callers } = params;
  const result = await (ratePerSecond === undefined
    ? closedLoop({ ...load, callers })
    : openLoop({ ...load, ratePerSecond, random }));
  const { cpuMicros, cpuPercent, rssPeakMb, allocatedBytes } = cost.stop();
  const { completed, failed, elapsedMs, response, service, lag } = result;
  const done = Math.max(1, completed + failed);
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
      cpuMicrosPerOp: cpuMicros / done,
      cpuPercent,
      bytesPerOp: allocatedBytes / done,
      rssPeakMb,
      errors: failed,
    },
    result,
  };
}
