import type { LimiterCuts } from './_limiter_cuts.ts';
import type { MemoryTrimmer } from './_memory_trimmer.ts';
import { evictIdle, tuneReuse } from './_pool_tuner.ts';
import type { Clock } from './clock.ts';
import type { HostProbe } from './host_probe.ts';
import type { NodeOptions } from './node_options_policy.ts';
import { nodeOptions } from './node_options_policy.ts';
import type { ResolvedOptimizerOptions } from './options.ts';
import type { PressureLevel } from './pressure_policy.ts';
import { severity, worse } from './pressure_policy.ts';
import type { Relievers } from './relievers.ts';
import type { OptimizationAction, OptimizationReport } from './report.ts';
import { noAction } from './report.ts';
import type { ResourceSampler } from './resource_sampler.ts';

/** What an optimization did, before it is dated. */
export type Outcome = Pick<OptimizationReport, 'actions' | 'advice'>;

/** The loop is looked at for this long before it is stopped for a collection. */
const IDLE_LOOK_MS = 50;

/** The four optimizations: which actions, in which order, measured how. Who calls them, and when, is the optimizer's matter. */
export class Optimizations {
  readonly #options: ResolvedOptimizerOptions;
  readonly #clock: Clock;
  readonly #host: HostProbe;
  readonly #sampler: ResourceSampler;
  readonly #trimmer: MemoryTrimmer;
  readonly #relievers: Relievers;
  readonly #limiters: LimiterCuts;

  constructor(parts: {
    readonly options: ResolvedOptimizerOptions;
    readonly host: HostProbe;
    readonly sampler: ResourceSampler;
    readonly trimmer: MemoryTrimmer;
    readonly relievers: Relievers;
    readonly limiters: LimiterCuts;
  }) {
    this.#options = parts.options;
    this.#clock = parts.options.clock;
    this.#host = parts.host;
    this.#sampler = parts.sampler;
    this.#trimmer = parts.trimmer;
    this.#relievers = parts.relievers;
    this.#limiters = parts.limiters;
  }

  /** Relievers, then idle connections (from `high` on), then a trim of what they let go. */
  async memory(level: PressureLevel, stop: AbortSignal): Promise<Outcome> {
    const actions = await this.#relieveMemory(level, stop);
    if (severity(level) >= severity('high')) {
      actions.push(...evictIdle(this.#sampler.pools, this.#options.reuseTarget));
    }
    const freed = actions.reduce((total, action) => total + (action.claimedBytes ?? 0), 0);
    actions.push(await this.#trim('trim', level, freed));
    return { actions, advice: [] };
  }

  /** Only the trim. */
  async trim(name: string): Promise<Outcome> {
    return { actions: [await this.#trim(name, this.#sampler.memoryLevel, 0)], advice: [] };
  }

  /** @param knownShare the share of the cores in use, where a sample says so; else it is measured */
  async cpu(knownShare: number | undefined, stop: AbortSignal): Promise<Outcome> {
    const { cpuTarget, sampleIntervalMs } = this.#options;
    const before = knownShare ?? (await this.#sampler.measure(sampleIntervalMs)).cpu;
    const { cores, source } = this.#host.limits().cpu;
    const state = `${percent(before)} of ${cores} cores (${source}) are used, target ${percent(cpuTarget)}`;
    if (before < cpuTarget) {
      return { actions: [noAction('ease-cpu', state, before, 'share')], advice: [] };
    }
    const level = worse(this.#sampler.cpuLevel, 'high');
    const actions = await this.#relievers.run(
      { resource: 'cpu', level, value: before, target: cpuTarget, excessBytes: 0 },
      () => before,
      stop,
    );
    actions.push(...this.#limiters.cut(state));
    const done = actions.filter((action) => action.applied);
    if (done.length === 0) {
      const why = `${state}, and no reliever of the CPU or limiter could give anything`;
      return { actions: [...actions, noAction('ease-cpu', why, before, 'share')], advice: [] };
    }
    // The effect is measured once, for all together: they act on the same cores at the same time.
    const startedMs = this.#clock.now();
    const { cpu: after } = await this.#sampler.measure(sampleIntervalMs);
    actions.push({
      name: 'ease-cpu',
      applied: true,
      reason: `${state}; joint effect of ${done.map((action) => action.name).join(', ')}`,
      before,
      after,
      unit: 'share',
      costMs: this.#clock.now() - startedMs,
    });
    return { actions, advice: [] };
  }

  network(): Outcome {
    const { pools } = this.#sampler;
    if (pools.size > 0) return tuneReuse(pools, this.#options.reuseTarget);
    return { actions: [noAction('reuse', 'no pool is attached', 0, 'connections')], advice: [] };
  }

  async gc(): Promise<Outcome> {
    const { actions } = await this.trim('collect-while-idle');
    const { p99Ms } = this.#host.read().gc.window;
    const target = this.#options.gcTargetMs;
    const missed =
      p99Ms > target
        ? `; the 99th percentile pause is ${p99Ms.toFixed(1)} ms, wanted ${target} ms`
        : '';
    const { flags, why } = this.nodeOptions();
    const advice = flags.map((setting) => {
      const reason = why.find((text) => text.startsWith(`${setting}: `)) ?? '';
      return { setting, why: `${reason.slice(setting.length + 2)}${missed}` };
    });
    return { actions, advice };
  }

  nodeOptions(): NodeOptions {
    const { memory } = this.#host.read();
    return nodeOptions({
      nodeMajor: Number.parseInt(process.versions.node, 10),
      flags: [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/)],
      memoryLimitBytes: this.#host.limits().memory.limitBytes,
      memoryTarget: this.#options.memoryTarget,
      ...memory,
    });
  }

  #relieveMemory(level: PressureLevel, stop: AbortSignal): Promise<OptimizationAction[]> {
    const { limitBytes } = this.#host.limits().memory;
    const rssBytes = this.#host.rssBytes();
    const target = this.#options.memoryTarget;
    return this.#relievers.run(
      {
        resource: 'memory',
        level,
        value: rssBytes / limitBytes,
        target,
        excessBytes: Math.max(0, Math.round(rssBytes - target * limitBytes)),
      },
      () => this.#host.rssBytes(),
      stop,
    );
  }

  async #trim(
    name: string,
    level: PressureLevel,
    relievedBytes: number,
  ): Promise<OptimizationAction> {
    const { loop, reading } = await this.#sampler.measure(IDLE_LOOK_MS);
    const decision = this.#trimmer.decide(reading, level, loop, relievedBytes);
    return this.#trimmer.act(name, decision, this.#trimmer.estimate(reading) + relievedBytes);
  }
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
