import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '@fynlo/pool-core';
import {
  type OptimizationReport as ActionReport,
  OverloadedError,
  ResourceUsageOptimizer,
} from '@fynlo/resource-optimizer';
import { collectGarbage } from './_collect_garbage.ts';
import { HostMonitor } from './_host_monitor.ts';
import { PoolSampler } from './_pool_sampler.ts';
import { hostEvidence } from './_saturation_evidence.ts';
import { arrivals, type LoadSegment, lengthMs, steady } from './arrivals.ts';
import { LatencyHistogram } from './latency_histogram.ts';
import { runOpenLoop } from './open_loop.ts';
import { ProcessMonitor } from './process_monitor.ts';
import type { ResourcePhase } from './resource_result.ts';
import type { RunContext } from './run_context.ts';
import { seededRandom } from './seeded_random.ts';

const MIB = 1024 * 1024;
/** A wave of load and the lull after it: longer than the pool's idle timeout, so idle connections are closed in it. */
const WAVE_MS = 500;
const LULL_MS = 1000;
/** What a request does besides its query while it has the connection. */
const HOLD_MS: readonly [number, number] = [40, 60];

/** Waves of load, the same on average as a steady one. */
function waves(phaseMs: number, perSecond: number): LoadSegment[] {
  const segments: LoadSegment[] = [];
  const inWave = (perSecond * (WAVE_MS + LULL_MS)) / WAVE_MS;
  while (lengthMs(segments) < phaseMs) {
    segments.push(steady(WAVE_MS, inWave), steady(LULL_MS, 0));
  }
  return segments;
}

export interface PhaseRun {
  readonly optimizer: 'without' | 'with';
  readonly pool: Pool;
  readonly progress: (fraction: number, message: string) => void;
}

/** A burst of garbage, a pause, then waves of load; with the optimizer acting, or only measuring. */
export async function runResourcePhase(context: RunContext, run: PhaseRun): Promise<ResourcePhase> {
  const { pool } = run;
  const { phaseMs, ratePerSecond, rowsPerRequest, burstMb } = context.profile.resources;
  const acting = run.optimizer === 'with';
  // What an earlier phase left behind would be taken for live by an optimizer that was not there to see it come.
  await collectGarbage();
  const optimizer = new ResourceUsageOptimizer({ act: acting, sampleIntervalMs: 250 });
  const detach = optimizer.attach(pool, 'resources');
  optimizer.start();
  const reports: ActionReport[] = [];
  const sampler = new PoolSampler(pool, undefined, context.sampleIntervalMs);
  const unwatch = context.recorder.watch({
    scenario: 'resources',
    pool: { metrics: () => pool.metrics(), sample: () => sampler.latest },
    resources: () => optimizer.getResourceMetrics(),
  });
  const rest = (ms: number): Promise<void> => sleep(ms, undefined, { signal: context.signal });
  try {
    run.progress(0, `${run.optimizer} optimizer: a burst of ${burstMb} MiB`);
    const burst = ProcessMonitor.start();
    await makeGarbage(burstMb, context.signal);
    await rest(300);
    if (acting) reports.push(await optimizer.optimizeMemoryUsage());
    await rest(700);
    const rssAfterBurstMb = process.memoryUsage.rss() / MIB;
    const burstUsage = burst.stop();

    const segments = waves(phaseMs, ratePerSecond);
    // The same seed in both phases: the same requests at the same offsets.
    const random = seededRandom(context.seed + 7);
    const response = new LatencyHistogram();
    let notAdmitted = 0;
    const lastThird = (lengthMs(segments) * 2) / 3;
    const from = sampler.sample();
    let middle = from;
    const host = HostMonitor.start();
    const own = ProcessMonitor.start();
    const startedAt = performance.now();
    const inLulls = setInterval(() => {
      const done = Math.min(1, (performance.now() - startedAt) / lengthMs(segments));
      run.progress(
        0.1 + 0.9 * done,
        `${run.optimizer} optimizer: ${ratePerSecond} requests a second`,
      );
      if (middle === from && performance.now() - startedAt >= lastThird - 50)
        middle = sampler.sample();
      if (acting && done < 1) {
        optimizer.optimizeNetworkEfficiency().then(
          (report) => {
            if (report.actions.some((action) => action.applied)) reports.push(report);
          },
          () => undefined,
        );
      }
    }, WAVE_MS + LULL_MS).unref();
    try {
      const load = await runOpenLoop({
        due: arrivals(segments, random),
        signal: context.signal,
        work: async (request) => {
          const first = 1 + Math.floor(random() * (context.table.rows - rowsPerRequest));
          const holdMs = HOLD_MS[0] + random() * (HOLD_MS[1] - HOLD_MS[0]);
          if (acting) {
            try {
              optimizer.admit();
            } catch (error) {
              if (error instanceof OverloadedError) notAdmitted++;
              throw error;
            }
          }
          await pool.withConnection(
            async (client) => {
              await client.query({
                name: 'fynlo-item-range',
                text: `select * from ${context.table.name} where id between $1 and $2`,
                values: [first, first + rowsPerRequest - 1],
              });
              response.record(performance.now() - request.intendedAt);
              context.recorder.response(performance.now() - request.intendedAt);
              await sleep(holdMs, undefined, { signal: context.signal });
            },
            { signal: context.signal },
          );
        },
      });
      const to = sampler.sample();
      const usage = own.stop();
      const evidence = hostEvidence(host.stop(), usage, context.limits, load.hostLag.p95);
      if (acting) {
        reports.push(await optimizer.optimizeCpuUtilization());
        reports.push(await optimizer.optimizeNetworkEfficiency());
        reports.push(await optimizer.optimizeGarbageCollection());
      }
      const steadyAcquires = to.acquires - middle.acquires;
      const steadyConnects = to.created - middle.created;
      return {
        optimizer: run.optimizer,
        offeredPerSecond: ratePerSecond,
        load,
        response: response.summary(),
        rssAfterBurstMb,
        rssPeakMb: Math.max(burstUsage.rssPeakMb, usage.rssPeakMb),
        usage,
        evidence,
        steadyAcquires,
        steadyConnects,
        steadyReuse: steadyAcquires === 0 ? null : Math.max(0, 1 - steadyConnects / steadyAcquires),
        acquires: to.acquires - from.acquires,
        connects: to.created - from.created,
        reports,
        notAdmitted,
        metrics: optimizer.getResourceMetrics(),
      };
    } finally {
      clearInterval(inLulls);
      own.stop();
    }
  } finally {
    unwatch();
    sampler.stop();
    detach();
    await optimizer.stop();
  }
}

/** What a large import leaves behind: objects and buffers, used once, reachable from nowhere afterwards. */
async function makeGarbage(mb: number, signal: AbortSignal): Promise<void> {
  let kept: unknown[] = [];
  for (let made = 0; made < mb; made += 10) {
    signal.throwIfAborted();
    for (let i = 0; i < 50_000; i++) kept.push({ id: i, name: `item ${i}`, tags: [made, i] });
    kept.push(Buffer.alloc(2 * MIB, made % 256));
    // Yields, so that this does not look like a blocked program.
    await sleep(1, undefined, { signal });
  }
  kept = [];
}
