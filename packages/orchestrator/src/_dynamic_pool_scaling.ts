import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from '@fynlo/pool-core';
import { PoolSampler } from './_pool_sampler.ts';
import { loadOf, runScalingLevel } from './_scaling_level.ts';
import { ServerActivity } from './_server_activity.ts';
import { watchShrink } from './_shrink_watch.ts';
import { lengthMs, rateAt } from './arrivals.ts';
import type { RunContext } from './run_context.ts';
import { scalingQuality } from './scaling_quality_policy.ts';
import type {
  DynamicPoolScalingResult,
  ScalingLevelResult,
  ShrinkResult,
} from './scaling_result.ts';

/**
 * Scenario 1: users come, take a connection, open a transaction, read a row, think, commit and go. Their number rises
 * in levels to what needs the pool's maximum, then they all leave. The pool has to follow, up and down, while the
 * answer stays fast; the server's own count of connections is the witness.
 */
export async function dynamicPoolScaling(context: RunContext): Promise<DynamicPoolScalingResult> {
  const { profile, signal } = context;
  const { minConnections, maxConnections, idleTimeoutMs, tuning, levels } = profile.scaling;
  const frame = { name: 'scaling' as const, startedAt: Date.now() };
  const begun = performance.now();
  const applicationName = `fynlo-scaling-${context.table.schema}`;
  const settings = { minConnections, maxConnections, idleTimeoutMs };
  const pool = new Pool({
    connectionString: context.databaseUrl,
    application_name: applicationName,
    ...settings,
    tuning,
  });
  pool.on('error', () => undefined);
  const activity = new ServerActivity(
    context.databaseUrl,
    applicationName,
    context.sampleIntervalMs,
  );
  const results: Promise<ScalingLevelResult>[] = [];
  let shrink: ShrinkResult | null = null;
  let sampler: PoolSampler | undefined;
  let rate = (): number => 0;
  let unwatch = (): void => undefined;
  try {
    context.progress('scaling', 0, 'opening the minimum');
    await pool.warm(minConnections);
    await activity.start();
    const watching = new PoolSampler(pool, activity, context.sampleIntervalMs);
    sampler = watching;
    unwatch = context.recorder.watch({
      scenario: 'scaling',
      pool: { metrics: () => pool.metrics(), sample: () => watching.latest },
      offeredPerSecond: () => rate(),
    });
    for (const [index, level] of levels.entries()) {
      const segments = loadOf(level, levels[index - 1]);
      const from = performance.now();
      rate = () => rateAt(segments, performance.now() - from);
      const running = runScalingLevel(context, { pool, sampler: watching, level, segments, index });
      running.catch(() => undefined);
      results.push(running);
      // The next level begins with the last arrival of this one; its sessions end meanwhile.
      await Promise.race([sleep(lengthMs(segments), undefined, { signal }), running]);
    }
    rate = () => 0;
    await Promise.all(results);
    shrink = await watchShrink(context, pool, watching);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    unwatch();
    sampler?.stop();
    await activity.stop();
    await pool.end({ graceMs: signal.aborted ? 0 : 2000 });
  }
  const settled = await Promise.allSettled(results);
  const samples = sampler?.samples ?? [];
  const stats = pool.stats();
  const quality = scalingQuality(samples) ?? null;
  return {
    ...frame,
    tookMs: performance.now() - begun,
    partial: signal.aborted,
    settings: { ...settings, ...tuning },
    levels: settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
    shrink,
    quality,
    scalingEvents: pool.scalingEvents(),
    connectsWasted: Math.max(0, stats.created - (quality?.peakLeased ?? 0)),
    totalConnects: stats.created,
    connectMs: stats.create,
    explanation: pool.explain(),
  };
}
