import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '@fynlo/pool-core';
import { CheckoutTimings, runCheckoutSession } from './_checkout_session.ts';
import { HostMonitor } from './_host_monitor.ts';
import type { PoolSample, PoolSampler } from './_pool_sampler.ts';
import { hostEvidence } from './_saturation_evidence.ts';
import { arrivals, type LoadSegment, lengthMs, ramp, rateAt, steady } from './arrivals.ts';
import { runOpenLoop } from './open_loop.ts';
import { ProcessMonitor } from './process_monitor.ts';
import type { ScalingLevel } from './profile.ts';
import { rangeOf } from './range_of.ts';
import type { RunContext } from './run_context.ts';
import { directionChanges, levelFollowing } from './scaling_quality_policy.ts';
import type { ScalingLevelResult } from './scaling_result.ts';
import { seededRandom } from './seeded_random.ts';

/** Up to the peak, down to the steady load that is judged. */
export function loadOf(level: ScalingLevel, before: ScalingLevel | undefined): LoadSegment[] {
  const perSecond = (sessions: number, of: ScalingLevel): number => sessions / holdSeconds(of);
  const peak = perSecond(level.peakSessions, level);
  const from = before === undefined ? 0 : perSecond(before.steadySessions, level);
  return [
    ramp(level.rampMs, from, peak),
    steady(level.peakMs, peak),
    steady(level.settleMs + level.measureMs, perSecond(level.steadySessions, level)),
  ];
}

function holdSeconds(level: ScalingLevel): number {
  return (level.thinkMs[0] + level.thinkMs[1]) / 2 / 1000;
}

export interface LevelRun {
  readonly pool: Pool;
  readonly sampler: PoolSampler;
  readonly level: ScalingLevel;
  readonly segments: readonly LoadSegment[];
  readonly index: number;
}

/** Runs one level and judges its steady part. */
export async function runScalingLevel(
  context: RunContext,
  run: LevelRun,
): Promise<ScalingLevelResult> {
  const { level, pool, sampler, segments } = run;
  const random = seededRandom(context.seed + run.index);
  const due = arrivals(segments, random);
  const [shortest, longest] = level.thinkMs;
  const windowFrom = lengthMs(segments) - level.measureMs;
  const judged = new CheckoutTimings();
  const before = new CheckoutTimings();
  const startedAt = performance.now();
  const begun = sampler.sample();
  let window: { host: HostMonitor; own: ProcessMonitor; from: PoolSample } | undefined;
  const levels = context.profile.scaling.levels.length + 1;

  const judgedFrom = sleep(windowFrom, undefined, { signal: context.signal }).then(() => {
    window = { host: HostMonitor.start(), own: ProcessMonitor.start(), from: sampler.sample() };
  });
  const reporting = setInterval(() => {
    const done = (performance.now() - startedAt) / lengthMs(segments);
    if (done > 1) return;
    context.progress('scaling', (run.index + done) / levels, `${level.name} load`);
  }, 250).unref();
  // The window ends with the last arrival; sessions still thinking then are waited for outside of it.
  const ended = sleep(lengthMs(segments), undefined, { signal: context.signal }).then(() => ({
    host: window?.host.stop(),
    own: window?.own.stop(),
    to: sampler.sample(),
    metrics: pool.metrics(),
  }));
  ended.catch(() => undefined);
  try {
    const [load] = await Promise.all([
      runOpenLoop({
        due,
        signal: context.signal,
        work: (request) =>
          runCheckoutSession(
            pool,
            request,
            {
              table: context.table.name,
              id: 1 + Math.floor(random() * context.table.rows),
              thinkMs: shortest + random() * (longest - shortest),
              signal: context.signal,
              onResponse: (ms) => context.recorder.response(ms),
            },
            request.dueMs >= windowFrom ? judged : before,
          ),
      }),
      judgedFrom,
    ]);
    const { host, own, to, metrics } = await ended;
    if (window === undefined || host === undefined || own === undefined) {
      throw new Error('the load ended before its judged window began');
    }
    const seen = sampler.between(window.from.at, to.at);
    return {
      level,
      offeredPerSecond: rateAt(segments, windowFrom),
      response: judged.response.summary(),
      responseP95Ci95: judged.response.percentileInterval(95) ?? null,
      responseFromIntended: judged.fromIntended.summary(),
      acquireWait: judged.acquireWait.summary(),
      query: judged.query.summary(),
      held: judged.held.summary(),
      distribution: judged.response.buckets(),
      load,
      attempted: judged.attempted,
      succeeded: judged.succeeded,
      utilization: rangeOf(seen.map((s) => s.utilization)),
      size: rangeOf(seen.map((s) => s.size)),
      serverConnections: rangeOf(seen.map((s) => s.serverConnections)),
      serverInTransaction: rangeOf(seen.map((s) => s.serverInTransaction)),
      connects: to.created - window.from.created,
      acquires: to.acquires - window.from.acquires,
      directionChanges: directionChanges(
        seen.map((s) => s.size),
        Math.max(2, Math.round(to.size * 0.05)),
      ),
      following: levelFollowing(sampler.between(begun.at, to.at)) ?? null,
      usage: own,
      evidence: hostEvidence(host, own, context.limits, load.hostLag.p95),
      metrics,
    };
  } finally {
    clearInterval(reporting);
    window?.own.stop();
  }
}
