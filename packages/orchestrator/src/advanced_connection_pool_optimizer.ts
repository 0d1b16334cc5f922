import { setMaxListeners } from 'node:events';
import { performance } from 'node:perf_hooks';
import { autoRecovery } from './_auto_recovery.ts';
import { cacheCriteria } from './_cache_criteria.ts';
import { cachePerformance } from './_cache_performance.ts';
import { dynamicPoolScaling } from './_dynamic_pool_scaling.ts';
import { hostLimits } from './_host_limits.ts';
import { memoryCriteria } from './_memory_criteria.ts';
import { memoryManagement } from './_memory_management.ts';
import { ProgressMeter } from './_progress_meter.ts';
import { readEnvironment } from './_read_environment.ts';
import { recoveryCriteria } from './_recovery_criteria.ts';
import { resourceCriteria } from './_resource_criteria.ts';
import { resourceOptimization } from './_resource_optimization.ts';
import { scalingCriteria } from './_scaling_criteria.ts';
import { createWorkloadTable, type WorkloadTable } from './_workload_table.ts';
import type { CacheOptimizationResult } from './cache_result.ts';
import { type Criterion, overallVerdict } from './criterion.ts';
import type { EnvironmentReport } from './environment_report.ts';
import { WrongOrderError } from './errors.ts';
import { HistoryRecorder, type MetricsHistoryReport } from './history_recorder.ts';
import type { MemoryManagementResult } from './memory_result.ts';
import { type OptimizationReport, optimizationReport } from './optimization_report.ts';
import type { OptimizationRun, ScenarioResults } from './optimization_run.ts';
import {
  type AdvancedConnectionPoolOptimizerOptions,
  type ResolvedOptions,
  resolveOptions,
} from './options.ts';
import { PROFILES, type Profile, SPARE_CONNECTIONS } from './profile.ts';
import type { AutoRecoveryResult } from './recovery_result.ts';
import type { ResourceOptimizationResult } from './resource_result.ts';
import type { RunContext } from './run_context.ts';
import type { DynamicPoolScalingResult } from './scaling_result.ts';
import type { ScenarioName } from './scenario.ts';
import { writeResultFiles } from './write_result_files.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Measures pool, cache, leak guard and resource optimizer together on real servers, judges the measurements against
 * the success criteria, and writes them down.
 *
 * The run needs a PostgreSQL server with room for the profile's connections (`full`: 512 free) and a Redis. It works in
 * a schema and under key prefixes of its own and removes them in `close()`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { AdvancedConnectionPoolOptimizer } from '@fynlo/orchestrator';
 *
 * await using optimizer = new AdvancedConnectionPoolOptimizer({
 *   databaseUrl: process.env.DATABASE_URL ?? '',
 *   redisUrl: process.env.REDIS_URL ?? '',
 *   profile: 'quick',
 *   scenarios: ['resources'],
 *   outDir: await mkdtemp(join(tmpdir(), 'optimization-')),
 * });
 * await optimizer.initializeOptimizationFramework();
 * const run = await optimizer.runComprehensiveOptimizationTest();
 * for (const { id, measured, unit, verdict, reason } of run.criteria) {
 *   assert.ok(['pass', 'fail', 'inconclusive', 'skipped'].includes(verdict), `${id} ${measured} ${unit}: ${reason}`);
 * }
 * const files = await optimizer.saveOptimizationResults();
 * assert.ok(files.some((file) => file.endsWith('report.html')));
 * ```
 */
export class AdvancedConnectionPoolOptimizer implements AsyncDisposable {
  readonly #options: ResolvedOptions;
  readonly #profile: Profile;
  readonly #recorder: HistoryRecorder;
  readonly #closing = new AbortController();
  readonly #signal: AbortSignal;
  readonly #progress: ProgressMeter;
  readonly #results: Mutable<ScenarioResults> = {
    scaling: null,
    resources: null,
    cache: null,
    memory: null,
    recovery: null,
  };
  #context: RunContext | undefined;
  #environment: EnvironmentReport | undefined;
  #table: WorkloadTable | undefined;
  #startedAt = Date.now();
  #begun = performance.now();
  #peakRssMb = 0;
  #running = false;
  #closed: Promise<void> | undefined;

  /** @throws InvalidOptionError for an unknown option or a value out of range */
  constructor(options: AdvancedConnectionPoolOptimizerOptions) {
    this.#options = resolveOptions(options, Date.now());
    this.#profile = PROFILES[this.#options.profile];
    this.#recorder = new HistoryRecorder(
      this.#options.sampleIntervalMs,
      this.#options.historyLimit,
    );
    this.#signal =
      this.#options.signal === undefined
        ? this.#closing.signal
        : AbortSignal.any([this.#options.signal, this.#closing.signal]);
    // Hundreds of sessions think at the same time, and each of them can be interrupted.
    setMaxListeners(0, this.#signal);
    this.#progress = new ProgressMeter(
      this.#options.onProgress,
      this.#options.scenarios,
      () => this.#recorder.progress,
    );
  }

  /**
   * Looks at servers, limits and the output directory, and makes the tables the scenarios read.
   *
   * @throws UnfitEnvironmentError with a remedy when something is missing: nothing has been changed then
   * @throws WrongOrderError after `close()`
   */
  async initializeOptimizationFramework(): Promise<EnvironmentReport> {
    if (this.#closed !== undefined) {
      throw new WrongOrderError('initializeOptimizationFramework()', 'the optimizer is closed');
    }
    if (this.#environment !== undefined) return this.#environment;
    this.#signal.throwIfAborted();
    this.#progress.tell('initialize', null, 0, 'looking at the servers');
    const { databaseUrl, redisUrl, outDir, outDirGiven, serverFacts } = this.#options;
    const environment = await readEnvironment({
      databaseUrl,
      redisUrl,
      connections: this.#profile.scaling.maxConnections + SPARE_CONNECTIONS,
      profile: this.#profile.name,
      outDir: outDirGiven ? outDir : undefined,
      facts: serverFacts,
    });
    this.#progress.tell('initialize', null, 0, 'making the tables of the run');
    this.#table = await createWorkloadTable(
      databaseUrl,
      this.#profile.tableRows,
      this.#profile.cache.valueBytes,
    );
    this.#startedAt = Date.now();
    this.#begun = performance.now();
    this.#context = {
      databaseUrl,
      redisUrl,
      profile: this.#profile,
      seed: this.#options.seed,
      signal: this.#signal,
      limits: hostLimits(),
      table: this.#table,
      recorder: this.#recorder,
      sampleIntervalMs: this.#options.sampleIntervalMs,
      serverControl: this.#options.serverControl,
      proxyControl: this.#options.proxyControl,
      progress: (scenario, fraction, message) =>
        this.#progress.tell('run', scenario, fraction, message),
    };
    this.#environment = environment;
    return environment;
  }

  /**
   * Runs the scenarios chosen in the options, one after the other. When the signal is aborted it ends at once and
   * returns what was measured, marked `partial`; it rejects only for what nobody asked for.
   */
  async runComprehensiveOptimizationTest(): Promise<OptimizationRun> {
    await this.initializeOptimizationFramework().catch((error: unknown) => {
      if (this.#environment === undefined || !this.#signal.aborted) throw error;
    });
    for (const scenario of this.#options.scenarios) {
      if (this.#signal.aborted) break;
      await this.#scenarios[scenario]();
    }
    this.#progress.tell('report', null, 1, 'all scenarios are done');
    return this.#run();
  }

  /** Scenario 1: the pool follows its load from the minimum to the maximum and back. */
  testDynamicPoolScaling(): Promise<DynamicPoolScalingResult> {
    return this.#test('scaling', dynamicPoolScaling);
  }

  /** Scenario 2: memory, CPU, network and GC without and with the optimizer. */
  testResourceOptimization(): Promise<ResourceOptimizationResult> {
    return this.#test('resources', resourceOptimization);
  }

  /** Scenario 3: Redis tuning, invalidation, hit ratio, response time. */
  testCacheOptimization(): Promise<CacheOptimizationResult> {
    return this.#test('cache', cachePerformance);
  }

  /** Scenario 4: injected leaks are found, named and stopped; a healthy load stays quiet. */
  testMemoryManagement(): Promise<MemoryManagementResult> {
    return this.#test('memory', memoryManagement);
  }

  /** The server is killed and comes back; connections fall silent. Needs `serverControl` and `proxyControl`. */
  testAutoRecovery(): Promise<AutoRecoveryResult> {
    return this.#test('recovery', autoRecovery);
  }

  /** Criteria, analysis and recommendations from what has been measured so far. */
  generateOptimizationReport(): OptimizationReport {
    return optimizationReport(this.#run(), Date.now());
  }

  /** The series recorded so far. */
  metricsHistory(): MetricsHistoryReport {
    return this.#recorder.report();
  }

  /**
   * Writes `connection_pool_optimization_results.json`, `connection_pool_optimization_report.json`,
   * `connection_pool_metrics_history.json`, their schemas, and `report.html`. Each file is replaced as a whole.
   *
   * @param dir instead of the option `outDir`
   * @returns the paths written
   */
  async saveOptimizationResults(dir: string = this.#options.outDir): Promise<string[]> {
    const run = this.#run();
    this.#progress.tell('report', null, 1, `writing the results to ${dir}`);
    return await writeResultFiles(dir, {
      run,
      report: optimizationReport(run, Date.now()),
      history: this.#recorder.report(),
    });
  }

  /** Ends a run in progress and removes what it made on the servers. Once more is harmless. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  readonly #scenarios: Readonly<Record<ScenarioName, () => Promise<unknown>>> = {
    scaling: () => this.testDynamicPoolScaling(),
    resources: () => this.testResourceOptimization(),
    cache: () => this.testCacheOptimization(),
    memory: () => this.testMemoryManagement(),
    recovery: () => this.testAutoRecovery(),
  };

  async #test<Name extends ScenarioName>(
    name: Name,
    scenario: (context: RunContext) => Promise<NonNullable<ScenarioResults[Name]>>,
  ): Promise<NonNullable<ScenarioResults[Name]>> {
    await this.initializeOptimizationFramework();
    const context = this.#context;
    if (context === undefined) throw new WrongOrderError(name, 'the environment was not read');
    // Two loads at once would measure each other.
    if (this.#running) throw new WrongOrderError(name, 'another scenario is running');
    this.#running = true;
    const watch = setInterval(() => this.#watchRss(), 100).unref();
    try {
      const result = await scenario(context);
      this.#results[name] = result;
      return result;
    } finally {
      clearInterval(watch);
      this.#watchRss();
      this.#running = false;
    }
  }

  #watchRss(): void {
    this.#peakRssMb = Math.max(this.#peakRssMb, process.memoryUsage.rss() / 1024 / 1024);
  }

  #run(): OptimizationRun {
    if (this.#environment === undefined) {
      throw new WrongOrderError('results', 'initializeOptimizationFramework() comes first');
    }
    const criteria = this.#criteria();
    return {
      profile: this.#profile.name,
      seed: this.#options.seed,
      startedAt: this.#startedAt,
      tookMs: performance.now() - this.#begun,
      partial: this.#signal.aborted,
      partialReason: this.#signal.aborted ? reasonText(this.#signal.reason) : null,
      environment: this.#environment,
      scenarios: { ...this.#results },
      criteria,
      verdict: overallVerdict(criteria),
    };
  }

  /** Only finished scenarios are judged: half a measurement passes and fails for the wrong reasons. */
  #criteria(): Criterion[] {
    const { scaling, resources, cache, memory, recovery } = this.#results;
    const limits = hostLimits();
    return [
      ...(whole(scaling) ? scalingCriteria(scaling, this.#profile, limits) : []),
      ...(whole(resources)
        ? resourceCriteria(resources, limits, this.#peakRssMb, this.#profile.resources)
        : []),
      ...(whole(cache) ? cacheCriteria(cache, this.#profile.cache) : []),
      ...(whole(memory) ? memoryCriteria(memory) : []),
      ...(whole(recovery) ? recoveryCriteria(recovery) : []),
    ];
  }

  async #close(): Promise<void> {
    this.#progress.tell('close', null, 1, 'removing the tables of the run');
    this.#closing.abort(new Error('the optimizer was closed'));
    while (this.#running) await new Promise((resolve) => setTimeout(resolve, 10));
    await this.#table?.drop();
  }
}

function whole<T extends { readonly partial: boolean }>(result: T | null): result is T {
  return result !== null && !result.partial;
}

function reasonText(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
