import { setTimeout as sleep } from 'node:timers/promises';
import { MemoryLeakPrevention } from '@fynlo/leak-guard';
import { Pool } from '@fynlo/pool-core';
import { runLeaseLeaks, runObjectLeaks } from './_lease_leaks.ts';
import { QUICK_TREND, runMemoryGrowth } from './_memory_growth.ts';
import { PoolSampler } from './_pool_sampler.ts';
import { arrivals, steady } from './arrivals.ts';
import type { HealthyPhase, MemoryManagementResult } from './memory_result.ts';
import { runOpenLoop } from './open_loop.ts';
import type { RunContext } from './run_context.ts';
import { seededRandom } from './seeded_random.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Scenario 4: first a healthy load, of which the guard must say nothing; then real leaks (leases taken and forgotten, some inside
 * a transaction; tracked objects never closed; a list that only grows), which it must find, name, and where it can, undo. Leases
 * that are merely held for long must be left alone.
 */
export async function memoryManagement(context: RunContext): Promise<MemoryManagementResult> {
  const { memory } = context.profile;
  const begun = performance.now();
  const settings = {
    level: 'paranoid',
    leakDetectionThresholdMs: memory.thresholdMs,
    sweepIntervalMs: Math.min(250, memory.thresholdMs / 2),
    monitoringIntervalMs: QUICK_TREND.monitoringIntervalMs,
  } as const;
  const result: Mutable<MemoryManagementResult> = {
    name: 'memory',
    startedAt: Date.now(),
    tookMs: 0,
    partial: false,
    settings: { ...settings, confirmAfterMs: QUICK_TREND.trend.confirmAfterMs },
    healthy: null,
    leases: null,
    objects: null,
    growth: null,
    stats: null,
  };
  const pool = new Pool({
    connectionString: context.databaseUrl,
    application_name: 'fynlo-memory',
    minConnections: 2,
    maxConnections: memory.droppedLeases + memory.heldLeases + 20,
  });
  pool.on('error', () => undefined);
  const guard = new MemoryLeakPrevention({ ...QUICK_TREND, ...settings });
  const detach = guard.attach(pool, 'memory');
  const sampler = new PoolSampler(pool, undefined, context.sampleIntervalMs);
  const unwatch = context.recorder.watch({
    scenario: 'memory',
    pool: { metrics: () => pool.metrics(), sample: () => sampler.latest },
  });
  guard.startMonitoring();
  try {
    context.progress('memory', 0, 'a healthy load: nothing may be reported');
    result.healthy = await runHealthyLoad(context, pool, guard);
    context.progress('memory', 0.4, 'leases dropped and leases held');
    result.leases = await runLeaseLeaks(context, pool, guard);
    context.progress('memory', 0.6, 'tracked objects dropped');
    result.objects = await runObjectLeaks(context, guard);
    result.stats = guard.getMemoryStats();
    await guard.stop();
    result.growth = await runMemoryGrowth(context, (fraction) =>
      context.progress('memory', 0.65 + 0.35 * fraction, 'memory that only grows'),
    );
  } catch (error) {
    if (!context.signal.aborted) throw error;
  } finally {
    unwatch();
    sampler.stop();
    detach();
    await guard.stop();
    await pool.end({ graceMs: 500 });
  }
  result.tookMs = performance.now() - begun;
  result.partial = context.signal.aborted;
  return result;
}

/** Checkouts of all lengths up to a few times the threshold's half, all given back. */
async function runHealthyLoad(
  context: RunContext,
  pool: Pool,
  guard: MemoryLeakPrevention,
): Promise<HealthyPhase> {
  const { healthyMs, healthyRatePerSecond, thresholdMs } = context.profile.memory;
  const random = seededRandom(context.seed + 17);
  const alarms: string[] = [];
  const unwatch = (['leak', 'held', 'reclaimed', 'growing', 'heapLeak'] as const).map((event) =>
    guard.on(event, () => alarms.push(event)),
  );
  try {
    const load = await runOpenLoop({
      due: arrivals([steady(healthyMs, healthyRatePerSecond)], random),
      signal: context.signal,
      work: async () => {
        const holdMs = random() < 0.05 ? random() * thresholdMs * 0.5 : random() * 5;
        await pool.withConnection(
          async (client) => {
            await client.query(`select id from ${context.table.name} where id = $1`, [
              1 + Math.floor(random() * context.table.rows),
            ]);
            await sleep(holdMs, undefined, { signal: context.signal });
          },
          { signal: context.signal },
        );
      },
    });
    const report = await guard.checkForLeaks();
    return {
      checkouts: load.offered,
      failed: load.failed,
      alarms,
      verdict: report.memory.verdict,
    };
  } finally {
    for (const end of unwatch) end();
  }
}
