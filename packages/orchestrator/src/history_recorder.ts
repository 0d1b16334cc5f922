import type { ConnectionPoolMetrics } from '@fynlo/pool-core/contract';
import type { ResourceOptimizationMetrics } from '@fynlo/resource-optimizer';
import type { PoolSample } from './_pool_sampler.ts';
import { type ColumnarSeries, MetricsHistory } from './metrics_history.ts';
import type { PoolProgress } from './progress.ts';
import { SCENARIOS, type ScenarioName } from './scenario.ts';

const POOL_COLUMNS = [
  'timestamp',
  'scenario',
  'activeConnections',
  'idleConnections',
  'totalConnections',
  'poolUtilization',
  'connectionWaitTime',
  'memoryUsageMb',
  'cpuUsagePercent',
  'connectingConnections',
  'waitingAcquires',
  'serverConnections',
  'offeredPerSecond',
  'responseP95Ms',
] as const;

const RESOURCE_COLUMNS = [
  'timestamp',
  'scenario',
  'memoryEfficiency',
  'cpuUtilization',
  'networkEfficiency',
  'cacheHitRatio',
  'gcCollectionTime',
  'connectionReuseRatio',
] as const;

/** What a scenario lets the recorder look at; everything is optional, because not every scenario has everything. */
export interface HistorySources {
  readonly scenario: ScenarioName;
  readonly pool?: { metrics(): ConnectionPoolMetrics; sample(): PoolSample };
  readonly offeredPerSecond?: () => number;
  readonly resources?: () => ResourceOptimizationMetrics;
}

/** The series of the whole run. */
export interface MetricsHistoryReport {
  readonly intervalMs: number;
  /** `scenario` in the columns is an index into this. */
  readonly scenarios: readonly string[];
  readonly pool: ColumnarSeries;
  readonly resources: ColumnarSeries;
}

/** Writes the history: one row of each kind per tick, from whatever the running scenario shows it. */
export class HistoryRecorder {
  readonly #intervalMs: number;
  readonly #pool: MetricsHistory<(typeof POOL_COLUMNS)[number]>;
  readonly #resources: MetricsHistory<(typeof RESOURCE_COLUMNS)[number]>;
  #timer: NodeJS.Timeout | undefined;
  #sources: HistorySources | undefined;
  #responses: number[] = [];
  #lastProgress: PoolProgress | null = null;

  constructor(intervalMs: number, limit: number) {
    this.#intervalMs = intervalMs;
    this.#pool = new MetricsHistory(POOL_COLUMNS, limit);
    this.#resources = new MetricsHistory(RESOURCE_COLUMNS, limit);
  }

  /** The pool as of the last tick, for the progress display. */
  get progress(): PoolProgress | null {
    return this.#lastProgress;
  }

  /** Starts recording from these sources; the function it returns ends that. */
  watch(sources: HistorySources): () => void {
    this.#sources = sources;
    this.#responses = [];
    this.#timer ??= setInterval(() => this.#tick(), this.#intervalMs).unref();
    return () => {
      if (this.#sources !== sources) return;
      this.#tick();
      clearInterval(this.#timer);
      this.#timer = undefined;
      this.#sources = undefined;
      this.#lastProgress = null;
    };
  }

  /** A response of the load now running, for the p95 of the tick. */
  response(ms: number): void {
    this.#responses.push(ms);
  }

  report(): MetricsHistoryReport {
    return {
      intervalMs: this.#intervalMs,
      scenarios: SCENARIOS,
      pool: this.#pool.columns(),
      resources: this.#resources.columns(),
    };
  }

  #tick(): void {
    const sources = this.#sources;
    if (sources === undefined) return;
    const scenario = SCENARIOS.indexOf(sources.scenario);
    const responseP95Ms = p95(this.#responses);
    this.#responses = [];
    if (sources.pool !== undefined) {
      const metrics = sources.pool.metrics();
      const sample = sources.pool.sample();
      this.#lastProgress = {
        size: metrics.totalConnections,
        leased: metrics.activeConnections,
        utilization: metrics.poolUtilization,
        p95: responseP95Ms,
      };
      this.#pool.add({
        timestamp: metrics.timestamp,
        scenario,
        activeConnections: metrics.activeConnections,
        idleConnections: metrics.idleConnections,
        totalConnections: metrics.totalConnections,
        poolUtilization: rounded(metrics.poolUtilization),
        connectionWaitTime: rounded(metrics.connectionWaitTime),
        memoryUsageMb: rounded(metrics.memoryUsageMb),
        cpuUsagePercent: rounded(metrics.cpuUsagePercent),
        connectingConnections: sample.connecting,
        waitingAcquires: sample.waiting,
        serverConnections: sample.serverConnections,
        offeredPerSecond: rounded(sources.offeredPerSecond?.() ?? null),
        responseP95Ms,
      });
    }
    if (sources.resources !== undefined) {
      const metrics = sources.resources();
      this.#resources.add({
        timestamp: metrics.timestamp,
        scenario,
        memoryEfficiency: rounded(metrics.memoryEfficiency),
        cpuUtilization: rounded(metrics.cpuUtilization),
        networkEfficiency: rounded(metrics.networkEfficiency),
        cacheHitRatio: rounded(metrics.cacheHitRatio),
        gcCollectionTime: rounded(metrics.gcCollectionTime),
        connectionReuseRatio: rounded(metrics.connectionReuseRatio),
      });
    }
  }
}

function p95(values: number[]): number | null {
  if (values.length === 0) return null;
  values.sort((a, b) => a - b);
  return rounded(values[Math.ceil(values.length * 0.95) - 1] ?? null);
}

/** Three decimals: a microsecond, a kibibyte, a tenth of a percent. More only makes the file larger. */
function rounded(value: number | null | undefined): number | null {
  return value === null || value === undefined || !Number.isFinite(value)
    ? null
    : Math.round(value * 1000) / 1000;
}
