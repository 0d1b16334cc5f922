import { Emitter } from './_emitter.ts';
import { LimiterCuts } from './_limiter_cuts.ts';
import { MemoryTrimmer } from './_memory_trimmer.ts';
import type { Outcome } from './_optimizations.ts';
import { Optimizations } from './_optimizations.ts';
import { restoreMin } from './_pool_tuner.ts';
import type { AdmissionStats, SheddingEvent, WatchedQueue } from './admission_controller.ts';
import { AdmissionController } from './admission_controller.ts';
import type { Clock, TimerLike } from './clock.ts';
import type { ConcurrencyLimiter } from './concurrency_limiter.ts';
import type { Priority } from './errors.ts';
import { InvalidOptionError } from './errors.ts';
import type { HostProbe } from './host_probe.ts';
import { systemHostProbe } from './host_probe.ts';
import type { ResourceOptimizationMetrics } from './metrics.ts';
import type { NodeOptions } from './node_options_policy.ts';
import type { ResolvedOptimizerOptions, ResourceUsageOptimizerOptions } from './options.ts';
import { resolveOptimizerOptions } from './options.ts';
import type { WatchedPool } from './pool_watch.ts';
import { severity, worse } from './pressure_policy.ts';
import type { Reliever } from './relievers.ts';
import { Relievers } from './relievers.ts';
import type { OptimizationAction, OptimizationReport, OptimizationTarget } from './report.ts';
import type { PressureEvent, ReadableCache } from './resource_sampler.ts';
import { ResourceSampler } from './resource_sampler.ts';

/** What a {@link ResourceUsageOptimizer} tells, synchronously, after it happened. */
export interface OptimizerEvents {
  /** Once per sample interval. */
  sample: ResourceOptimizationMetrics;
  /** A pressure level changed. */
  pressure: PressureEvent;
  /** Something was done, or was due and could not be. */
  action: OptimizationAction & { readonly target: OptimizationTarget; readonly at: number };
  /** `admit()` began or ended to refuse. */
  shedding: SheddingEvent;
}

/** Admission of one request. */
export interface AdmitOptions {
  /** @default {'normal'} */
  readonly priority?: Priority;
  /**
   * On whose behalf, not empty: a customer, a user, a job. While not all requests can be served, a tenant that asks for no more
   * than its fair part (max-min, over the last half second) is let in as ever, and those that ask for more are cut to it.
   */
  readonly tenant?: string;
}

type Work = (stop: AbortSignal) => Promise<Outcome>;

const MIB = 1024 * 1024;
const PRIORITIES: readonly Priority[] = ['critical', 'normal', 'low'];
/** Samples between two looks at the pools' reuse: one window. */
const REUSE_EVERY_SAMPLES = 60;

/**
 * Holds memory, CPU, connections and garbage collection of this process under target, by actions that it measures.
 *
 * Once a second it samples the process against its real limits (cgroup, quota), raises or lowers a pressure level per resource, and acts:
 * registered relievers by level, a trim of memory after bursts, cut limiters, minimum sizes of pools that reconnect too often.
 * `admit()` is the door for requests. Everything can also be asked for: each `optimize…` returns what it did, with readings before
 * and after, and what it did not do, with the reason.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { ResourceUsageOptimizer } from '@fynlo/resource-optimizer';
 *
 * const cache = new Map<number, string>([[1, 'one']]);
 * const optimizer = new ResourceUsageOptimizer().start();
 * optimizer.registerReliever({
 *   name: 'names',
 *   relieve() {
 *     const freedBytes = cache.size * 64;
 *     cache.clear();
 *     return { freedBytes };
 *   },
 * });
 * const { actions } = await optimizer.optimizeMemoryUsage();
 * assert.equal(actions[0]?.name, 'reliever:names');
 * assert.equal(actions[0]?.applied, true);
 * assert.ok(optimizer.getResourceMetrics().memoryEfficiency > 0);
 * await optimizer.stop();
 * ```
 */
export class ResourceUsageOptimizer implements AsyncDisposable {
  readonly #options: ResolvedOptimizerOptions;
  readonly #clock: Clock;
  readonly #host: HostProbe;
  readonly #sampler: ResourceSampler;
  readonly #trimmer: MemoryTrimmer;
  readonly #relievers: Relievers;
  readonly #admission: AdmissionController;
  readonly #optimizations: Optimizations;
  readonly #limiters = new LimiterCuts();
  readonly #events = new Emitter<OptimizerEvents>();
  readonly #relievedAtMs = new Map<'memory' | 'cpu', number>();
  readonly #running = new Map<OptimizationTarget, Promise<OptimizationReport>>();
  #timer: TimerLike | undefined;
  #stop = new AbortController();
  #samples = 0;
  #attached = 0;

  /** @throws InvalidOptionError for an unknown or impossible option */
  constructor(options: ResourceUsageOptimizerOptions = {}) {
    const resolved = resolveOptimizerOptions(options);
    this.#options = resolved;
    this.#clock = resolved.clock;
    this.#host = resolved.host ?? systemHostProbe();
    this.#trimmer = new MemoryTrimmer(this.#host, this.#clock, {
      minReclaimableBytes: resolved.trimMinReclaimableMb * MIB,
      maxUtilization: resolved.trimMaxUtilization,
      cooldownMs: resolved.trimCooldownMs,
      maxStallMs: resolved.trimMaxStallMs,
    });
    this.#sampler = new ResourceSampler(
      this.#clock,
      this.#host,
      { memory: resolved.memoryTarget, cpu: resolved.cpuTarget },
      (reading) => this.#trimmer.estimate(reading),
    );
    this.#relievers = new Relievers(this.#clock, resolved.relieverTimeoutMs);
    this.#optimizations = new Optimizations({
      options: resolved,
      host: this.#host,
      sampler: this.#sampler,
      trimmer: this.#trimmer,
      relievers: this.#relievers,
      limiters: this.#limiters,
    });
    this.#admission = new AdmissionController(
      this.#clock,
      {
        queueAgeMs: resolved.shedQueueAgeMs,
        utilization: resolved.shedUtilization,
        afterMs: resolved.shedAfterMs,
        releaseMs: resolved.shedReleaseMs,
        memoryTarget: resolved.memoryTarget,
        cpuTarget: resolved.cpuTarget,
        // Levels are lowered by five samples in a row.
        pressureRetryMs: 5 * resolved.sampleIntervalMs,
      },
      () => this.#host.loop(),
      () => ({
        memory: this.#sampler.memoryLevel,
        cpu: this.#sampler.cpuLevel,
        memoryValue: this.#sampler.last?.detail.memory.utilization ?? 0,
        cpuValue: this.#sampler.last?.cpuUtilization ?? 0,
      }),
      (event) => this.#events.emit('shedding', event),
    );
  }

  /**
   * Watches a pool: its reuse, its queue's age, and where it can be resized, its minimum. A fynlo pool fits as it is, a
   * plain `pg.Pool` through {@link watchPgPool}.
   *
   * @returns detaches it, and gives back a minimum that was changed
   */
  attach(pool: WatchedPool, name?: string): () => void {
    const label = name ?? `pool-${++this.#attached}`;
    const detachPool = this.#sampler.attachPool(pool, label);
    const watch = [...this.#sampler.pools].at(-1);
    const queue = { name: label, oldestAgeMs: () => pool.stats().oldestWaitMs };
    const unwatch = this.#admission.watch(queue, true);
    return () => {
      unwatch();
      detachPool();
      if (watch !== undefined) restoreMin(watch);
    };
  }

  /** Counts a cache's hit ratio into the metrics. */
  attachCache(cache: ReadableCache): () => void {
    return this.#sampler.attachCache(cache);
  }

  /** Lets `admit()` see the limiter's queue, and cuts the limiter while the CPU is over its target. */
  attachLimiter(limiter: ConcurrencyLimiter): () => void {
    if (typeof limiter?.setMaxLimit !== 'function') {
      throw new InvalidOptionError('limiter', limiter, 'a ConcurrencyLimiter');
    }
    const unwatch = this.#admission.watch({
      name: limiter.name,
      oldestAgeMs: () => limiter.oldestWaitMs(),
    });
    const detach = this.#limiters.attach(limiter);
    return () => {
      unwatch();
      detach();
    };
  }

  /** Lets `admit()` see a queue of the application's own. */
  attachQueue(queue: WatchedQueue): () => void {
    return this.#admission.watch(queue);
  }

  /** Adds somebody to ask when memory or CPU gets tight. @throws InvalidOptionError */
  registerReliever(reliever: Reliever): () => void {
    return this.#relievers.register(reliever);
  }

  /** Calls `listener` at every event of that name; the returned function ends that. A throwing listener harms nobody. */
  on<Name extends keyof OptimizerEvents>(
    name: Name,
    listener: (event: OptimizerEvents[Name]) => void,
  ): () => void {
    return this.#events.on(name, listener);
  }

  /** Begins to sample, and to act unless `act` is false. Once more is harmless; after `stop()` it begins again. */
  start(): this {
    if (this.#timer !== undefined) return this;
    if (this.#stop.signal.aborted) this.#stop = new AbortController();
    this.#host.start();
    this.#admission.start();
    this.#arm(this.#options.sampleIntervalMs);
    return this;
  }

  /** Ends all watching and acting, and gives back what was changed: minimum sizes, limits. Twice is harmless. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#stop.abort();
    this.#admission.stop();
    this.#host.stop();
    await Promise.allSettled(this.#running.values());
    this.#limiters.restoreAll();
    for (const watch of this.#sampler.pools) restoreMin(watch);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** The last sample; without one, the state now (rates are then since the process began). */
  getResourceMetrics(): ResourceOptimizationMetrics {
    const { last } = this.#sampler;
    return this.#timer === undefined || last === undefined ? this.#sampler.peek() : last;
  }

  /** How the door stands. */
  getAdmissionStats(): AdmissionStats {
    return this.#admission.stats();
  }

  /**
   * Lets a request in, or refuses it because it would only make every other one late. Costs about a microsecond.
   * Before `start()` and after `stop()` all are let in.
   *
   * @throws OverloadedError with the reason and when to come again
   * @throws InvalidOptionError for an unknown priority, or a tenant without a name
   */
  admit(options?: AdmitOptions): void {
    const priority = options?.priority ?? 'normal';
    if (!PRIORITIES.includes(priority)) {
      throw new InvalidOptionError('priority', priority, `one of ${PRIORITIES.join(', ')}`);
    }
    const tenant = options?.tenant;
    if (tenant !== undefined && (typeof tenant !== 'string' || tenant === '')) {
      throw new InvalidOptionError('tenant', tenant, 'a text that is not empty');
    }
    this.#admission.admit(priority, tenant);
  }

  /**
   * Frees memory: relievers in their order, idle connections above the pools' minimum, then a full collection if the loop is idle and
   * it looks worth it. An explicit call acts as at pressure `high`, or at the present level if that is worse.
   */
  optimizeMemoryUsage(): Promise<OptimizationReport> {
    const level = worse(this.#sampler.memoryLevel, 'high');
    return this.#run('memory', (stop) => this.#optimizations.memory(level, stop));
  }

  /** Eases the CPU when it is over its target: relievers of the CPU, then the attached limiters, cut by a fifth. */
  optimizeCpuUtilization(): Promise<OptimizationReport> {
    const known = this.#timer === undefined ? undefined : this.#sampler.last?.cpuUtilization;
    return this.#run('cpu', (stop) => this.#optimizations.cpu(known, stop));
  }

  /** Keeps pools from reconnecting: moves the minimum of those whose reuse is under target. */
  optimizeNetworkEfficiency(): Promise<OptimizationReport> {
    return this.#run('network', async () => this.#optimizations.network());
  }

  /**
   * Collects now if the loop is idle, so that the collection does not come under load. What would shorten the pauses
   * themselves needs a restart, and is returned as advice.
   */
  optimizeGarbageCollection(): Promise<OptimizationReport> {
    return this.#run('gc', () => this.#optimizations.gc());
  }

  /** Flags to start this program with, computed for this version of Node and this memory limit. Advice only. */
  recommendNodeOptions(): NodeOptions {
    return this.#optimizations.nodeOptions();
  }

  #arm(delayMs: number): void {
    const dueMs = this.#clock.now() + delayMs;
    this.#timer = this.#clock.setTimeout(() => {
      // The next sample keeps the beat, but one that is late is not made up for.
      const lateMs = this.#clock.now() - dueMs;
      const interval = this.#options.sampleIntervalMs;
      this.#arm(Math.max(interval / 2, interval - Math.max(0, lateMs)));
      // After the other timers of this turn: the loop's monitor is one of them, and knows of a stall only when it has fired.
      setImmediate(() => {
        if (this.#timer !== undefined) this.#tick();
      });
    }, delayMs);
  }

  #tick(): void {
    const { metrics, reading, changes } = this.#sampler.sample();
    this.#samples++;
    for (const change of changes) this.#events.emit('pressure', change);
    this.#events.emit('sample', metrics);
    // A listener may have stopped us.
    if (this.#timer === undefined || !this.#options.act) return;

    const memory = this.#sampler.memoryLevel;
    const loop = metrics.detail.eventLoop.utilization;
    if (this.#relievers.wants('memory', memory) && this.#isDue('memory')) {
      this.#background('memory', (stop) => this.#optimizations.memory(memory, stop));
    } else if (this.#trimmer.decide(reading, memory, loop).trim) {
      this.#background('memory', () => this.#optimizations.trim('trim'));
    }

    const cpu = this.#sampler.cpuLevel;
    if (severity(cpu) >= severity('high')) {
      const known = metrics.cpuUtilization;
      if (this.#isDue('cpu'))
        this.#background('cpu', (stop) => this.#optimizations.cpu(known, stop));
    } else if (cpu === 'normal') {
      this.#limiters.restore();
    }

    if (this.#samples % REUSE_EVERY_SAMPLES === 0 && this.#sampler.pools.size > 0) {
      this.#background('network', async () => this.#optimizations.network());
    }
  }

  /** Whether the relievers' cooldown is over; if so, it begins anew. */
  #isDue(resource: 'memory' | 'cpu'): boolean {
    const now = this.#clock.now();
    const last = this.#relievedAtMs.get(resource);
    if (last !== undefined && now - last < this.#options.relieverCooldownMs) return false;
    this.#relievedAtMs.set(resource, now);
    return true;
  }

  /** One run per target at a time: who asks meanwhile gets the outcome of the one under way. */
  #run(target: OptimizationTarget, work: Work): Promise<OptimizationReport> {
    const running = this.#running.get(target);
    if (running !== undefined) return running;
    const at = this.#clock.wallNow();
    const run = work(this.#stop.signal)
      .then(({ actions, advice }) => {
        for (const action of actions) this.#events.emit('action', { ...action, target, at });
        return { target, at, actions, advice };
      })
      .finally(() => this.#running.delete(target));
    this.#running.set(target, run);
    return run;
  }

  #background(target: OptimizationTarget, work: Work): void {
    this.#run(target, work).catch((error: unknown) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      process.emitWarning(`Optimizing ${target} failed: ${text}`, 'ResourceOptimizerWarning');
    });
  }
}
