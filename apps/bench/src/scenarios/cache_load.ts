import { seededRandom } from '@fynlo/orchestrator/measurement';
import { closedLoop } from '../load/closed_loop.ts';
import { openLoop } from '../load/open_loop.ts';
import { ClientCost } from '../measure/client_cost.ts';
import type { RoundContext, RoundOutcome } from '../scenario/scenario.ts';
import { type BenchCache, VALUE } from '../subjects/bench_cache.ts';

/** Keys that the read scenarios use. */
const KEYS = 2000;

/** Made anew for each request, as application code does: hashing the string is part of the price. */
export function keyOf(i: number): string {
  return `item:${i % KEYS}`;
}

/** Fills the keys through the cache's own loader, so that each library writes its own form. */
export async function fill(cache: BenchCache): Promise<void> {
  for (let i = 0; i < KEYS; i += 100) {
    await Promise.all(
      Array.from({ length: 100 }, (_, j) => cache.getOrSet(keyOf(i + j), async () => VALUE)),
    );
  }
}

/** Puts the round's load on a cache; a wrong or missing value is an error. */
export async function loadCache(
  { params, seed, signal }: RoundContext,
  operation: (i: number) => unknown,
): Promise<RoundOutcome> {
  const cost = new ClientCost();
  const load = {
    operation: async (i: number) => {
      const value = (await operation(i)) as typeof VALUE | undefined;
      if (value?.n !== VALUE.n)
        throw new Error(`expected the value back, got ${JSON.stringify(value)}`);
    },
    warmupMs: params.warmupMs,
    durationMs: params.durationMs,
    signal,
    onMeasure: () => cost.start(),
  };
  const { ratePerSecond, callers } = params;
  const result = await (ratePerSecond === undefined
    ? closedLoop({ ...load, callers })
    : openLoop({ ...load, ratePerSecond, random: seededRandom(seed) }));
  const { cpuMicros, cpuPercent, rssPeakMb, allocatedBytes } = cost.stop();
  if (result.failed > 0) {
    throw new Error(`${result.failed} requests failed, the first: ${String(result.firstError)}`);
  }
  const { completed, elapsedMs, response, service, lag } = result;
  return {
    metrics: {
      opsPerSecond: (completed / elapsedMs) * 1000,
      p50Ms: response.percentile(50),
      p95Ms: response.percentile(95),
      p99Ms: response.percentile(99),
      ...(lag.count === 0
        ? {}
        : { serviceP50Ms: service.percentile(50), lagP99Ms: lag.percentile(99) }),
      cpuMicrosPerOp: cpuMicros / Math.max(1, completed),
      cpuPercent,
      bytesPerOp: allocatedBytes / Math.max(1, completed),
      rssPeakMb,
      errors: 0,
    },
    histogram: response.buckets(),
  };
}

/** A namespace of this round's own, so that no round finds what another left. */
export function freshNamespace(seed: number): string {
  return `bench-${process.pid}-${seed}`;
}
