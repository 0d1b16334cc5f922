import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '@fynlo/pool-core';
import type { PoolSample, PoolSampler } from './_pool_sampler.ts';
import type { RunContext } from './run_context.ts';
import { timeToShrink } from './scaling_quality_policy.ts';
import type { ShrinkResult } from './scaling_result.ts';

/** The load is off: how long until only the minimum is left? */
export async function watchShrink(
  context: RunContext,
  pool: Pool,
  sampler: PoolSampler,
): Promise<ShrinkResult> {
  const { shrinkDeadlineMs, minConnections, levels } = context.profile.scaling;
  const from = sampler.sample();
  const deadline = from.at + shrinkDeadlineMs;
  while (performance.now() < deadline && !atMinimum(sampler.latest, minConnections)) {
    const left = (performance.now() - from.at) / shrinkDeadlineMs;
    context.progress(
      'scaling',
      (levels.length + left) / (levels.length + 1),
      `no load: ${pool.stats().size} connections left`,
    );
    await sleep(context.sampleIntervalMs, undefined, { signal: context.signal });
  }
  const end = sampler.sample();
  return {
    fromSize: from.size,
    toSize: end.size,
    toServerConnections: end.serverConnections,
    tookMs: timeToShrink(sampler.samples, from.at, minConnections) ?? null,
    deadlineMs: shrinkDeadlineMs,
  };
}

function atMinimum(sample: PoolSample, minimum: number): boolean {
  return sample.size <= minimum && (sample.serverConnections ?? sample.size) <= minimum;
}
