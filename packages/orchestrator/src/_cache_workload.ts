import type { CachePerformanceEnhancer } from '@fynlo/cache-enhancer';
import type { Pool } from '@fynlo/pool-core';
import { ResourceUsageOptimizer } from '@fynlo/resource-optimizer';
import { HostMonitor } from './_host_monitor.ts';
import { hostEvidence } from './_saturation_evidence.ts';
import { arrivals, lengthMs, ramp, steady } from './arrivals.ts';
import type { CacheWorkloadResult, HitRatioMoment } from './cache_result.ts';
import { LatencyHistogram } from './latency_histogram.ts';
import { runOpenLoop } from './open_loop.ts';
import { ProcessMonitor } from './process_monitor.ts';
import type { RunContext } from './run_context.ts';
import { seededRandom } from './seeded_random.ts';
import { zipf } from './zipf.ts';

const SLICE_MS = 250;

export interface WorkloadRun {
  readonly cache: CachePerformanceEnhancer;
  readonly pool: Pool;
  readonly maxLocalBytes: number;
}

/** Reads by Zipf-distributed keys, from a cold start; what is not cached is read from PostgreSQL. */
export async function runCacheWorkload(
  context: RunContext,
  { cache, pool, maxLocalBytes }: WorkloadRun,
): Promise<CacheWorkloadResult> {
  const { keys, zipfExponent, valueBytes, rampMs, steadyMs, requestsPerSecond } =
    context.profile.cache;
  const random = seededRandom(context.seed + 13);
  const nextKey = zipf(keys, zipfExponent, random);
  const segments = [
    ramp(rampMs, requestsPerSecond / 50, requestsPerSecond),
    steady(steadyMs, requestsPerSecond),
  ];
  const due = onTicks(arrivals(segments, random));
  const response = new LatencyHistogram();
  const fromIntended = new LatencyHistogram();
  const distinct = new Set<number>();
  const warmUp: HitRatioMoment[] = [];
  let wrongValues = 0;
  let requests = 0;
  let loads = 0;
  let slice = { requests: 0, loads: 0 };

  const resources = new ResourceUsageOptimizer({ act: false, sampleIntervalMs: 250 });
  const detachPool = resources.attach(pool, 'cache-loader');
  const detachCache = resources.attachCache(cache);
  resources.start();
  const unwatch = context.recorder.watch({
    scenario: 'cache',
    resources: () => resources.getResourceMetrics(),
  });
  const host = HostMonitor.start();
  const own = ProcessMonitor.start();
  const startedAt = performance.now();
  const slicing = setInterval(() => {
    const seen = requests - slice.requests;
    const atMs = performance.now() - startedAt;
    if (seen > 0) {
      warmUp.push({
        atMs: Math.round(atMs),
        requests: seen,
        hitRatio: 1 - (loads - slice.loads) / seen,
      });
    }
    slice = { requests, loads };
    context.progress(
      'cache',
      0.25 + 0.5 * Math.min(1, atMs / lengthMs(segments)),
      `${requests} reads, ${(100 * (1 - loads / Math.max(1, requests))).toFixed(1)} % hits`,
    );
  }, SLICE_MS).unref();
  try {
    const load = await runOpenLoop({
      due,
      signal: context.signal,
      work: async (request) => {
        const id = 1 + nextKey();
        requests++;
        distinct.add(id);
        const askedAt = performance.now();
        const value = cache.getOrSet(`item:${id}`, () => {
          loads++;
          return loadItem(context, pool, id);
        });
        // A local hit is there at once; awaiting it would measure the event loop instead.
        const item = value instanceof Promise ? await value : value;
        const answeredAt = performance.now();
        const ms = answeredAt - askedAt;
        response.record(ms);
        fromIntended.record(answeredAt - request.intendedAt);
        context.recorder.response(ms);
        if (item.id !== id) wrongValues++;
      },
    });
    const usage = own.stop();
    const metrics = cache.getCacheMetrics();
    return {
      keys,
      zipfExponent,
      valueBytes,
      maxLocalBytes,
      offered: due.length,
      distinctKeys: distinct.size,
      hitRatio: metrics.hitRatio,
      achievableHitRatio: requests === 0 ? 0 : 1 - distinct.size / requests,
      response: response.summary(),
      responseFromIntended: fromIntended.summary(),
      distribution: response.buckets(),
      wrongValues,
      warmUp,
      load,
      usage,
      evidence: hostEvidence(host.stop(), usage, context.limits, load.hostLag.p95),
      metrics,
    };
  } finally {
    clearInterval(slicing);
    own.stop();
    unwatch();
    detachCache();
    detachPool();
    await resources.stop();
  }
}

interface Item {
  readonly id: number;
  readonly name: string;
  readonly price: number;
  readonly details: string;
}

async function loadItem(context: RunContext, pool: Pool, id: number): Promise<Item> {
  return await pool.withConnection(async (client) => {
    const { rows } = await client.query<Item>({
      name: 'fynlo-item-whole',
      text: `select id, name, price, details from ${context.table.name} where id = $1`,
      values: [id],
    });
    const [item] = rows;
    if (item === undefined) throw new Error(`item ${id} is not in the table`);
    return item;
  });
}

/**
 * Rounds arrivals up to whole milliseconds: tens of thousands a second reach a server in batches as well (one read of a
 * socket), and waking a thread for each would measure the waking.
 */
function onTicks(due: Float64Array): Float64Array {
  return due.map(Math.ceil);
}
