import { Pool } from '@fynlo/pool-core';
import { ResourceUsageOptimizer } from '@fynlo/resource-optimizer';
import { runResourcePhase } from './_resource_phase.ts';
import type {
  ResourceComparison,
  ResourceOptimizationResult,
  ResourcePhase,
} from './resource_result.ts';
import type { RunContext } from './run_context.ts';

/**
 * Shorter than the lull between two waves, as pg-pool's default of ten seconds is against the lulls of a day: connections
 * are closed in each lull and opened again in each wave.
 */
const IDLE_TIMEOUT_MS = 400;

/**
 * Scenario 2: memory, CPU, network and garbage collection under the same offered load, first without, then with the
 * optimizer. The load comes in waves, and a burst of garbage goes before it: what services do to a process all day.
 */
export async function resourceOptimization(
  context: RunContext,
): Promise<ResourceOptimizationResult> {
  const startedAt = Date.now();
  const begun = performance.now();
  const { resources } = context.profile;
  const phases: ResourcePhase[] = [];
  try {
    for (const [index, optimizer] of (['without', 'with'] as const).entries()) {
      const pool = new Pool({
        connectionString: context.databaseUrl,
        application_name: 'fynlo-resources',
        max: resources.maxConnections,
        idleTimeoutMillis: IDLE_TIMEOUT_MS,
      });
      pool.on('error', () => undefined);
      try {
        phases.push(
          await runResourcePhase(context, {
            optimizer,
            pool,
            progress: (fraction, message) =>
              context.progress('resources', (index + fraction) / 2, message),
          }),
        );
      } finally {
        await pool.end({ graceMs: context.signal.aborted ? 0 : 1000 });
      }
    }
  } catch (error) {
    if (!context.signal.aborted) throw error;
  }
  const [without, withOptimizer] = phases;
  const { flags, why } = new ResourceUsageOptimizer({ act: false }).recommendNodeOptions();
  return {
    name: 'resources',
    startedAt,
    tookMs: performance.now() - begun,
    partial: context.signal.aborted,
    settings: {
      order: 'without, then with; both in the same process, each after a full collection',
      requestsPerSecond: resources.ratePerSecond,
      rowsPerRequest: resources.rowsPerRequest,
      burstMb: resources.burstMb,
      max: resources.maxConnections,
      idleTimeoutMillis: IDLE_TIMEOUT_MS,
    },
    phases,
    comparison:
      without === undefined || withOptimizer === undefined ? [] : compare(without, withOptimizer),
    nodeOptions: { flags, why },
  };
}

function compare(without: ResourcePhase, withOptimizer: ResourcePhase): ResourceComparison[] {
  const line = (
    metric: string,
    unit: string,
    of: (phase: ResourcePhase) => number | null,
  ): ResourceComparison => {
    const [a, b] = [of(without), of(withOptimizer)];
    return {
      metric,
      unit,
      without: a,
      with: b,
      ratio: a === null || b === null || a === 0 ? null : b / a,
    };
  };
  return [
    line('RSS kept after the burst', 'MiB', (p) => p.rssAfterBurstMb),
    line('peak RSS', 'MiB', (p) => p.rssPeakMb),
    line('CPU, percent of one core', '%', (p) => p.usage.cpuPercentOfOneCore),
    line('event loop utilisation', 'share', (p) => p.usage.eventLoopUtilization),
    line('connects', 'connections', (p) => p.connects),
    line('connection reuse, last third', 'share', (p) => p.steadyReuse),
    line('GC pause p99', 'ms', (p) => p.usage.gc.pause.p99),
    line('GC time', 'ms', (p) => p.usage.gc.totalMs),
    line('response p95', 'ms', (p) => p.response.p95),
  ];
}
