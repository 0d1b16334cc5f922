import { reuseRatio } from './_network_policy.ts';
import type { CpuLimitSource } from './cpu_limit.ts';
import type { GcSummary } from './gc_counter.ts';
import type { HostLimits, HostReading, LoopReading } from './host_probe.ts';
import type { LoopDelayReading } from './loop_delay.ts';
import type { MemoryLimitSource } from './memory_limit.ts';
import type { PoolWindow } from './pool_watch.ts';
import type { PressureLevel } from './pressure_policy.ts';
import type { PressureStall } from './pressure_stall.ts';

/**
 * The state of the process in one record. A ratio is `null` while there is nothing to divide by: no pool attached, no
 * acquire in the window. Field names in JSON are the snake_case of these.
 */
export interface ResourceOptimizationMetrics {
  /** Milliseconds since the Unix epoch. */
  readonly timestamp: number;
  /** Share of the memory limit that is free: `1 - rssBytes / limitBytes`, never under 0. The target leaves >= 0.2. */
  readonly memoryEfficiency: number;
  /** CPU time of the process over the interval, as a share of the available cores. Over 1 is possible for a moment. */
  readonly cpuUtilization: number;
  /** Share of the conversations with servers that carried work: acquires / (acquires + connects, failed ones too). */
  readonly networkEfficiency: number | null;
  /** Hit ratio of the attached caches, weighted by lookups where they tell, 0..1. */
  readonly cacheHitRatio: number | null;
  /** How long one collection stopped the program, 99th percentile of the last 30 to 60 samples, in ms. */
  readonly gcCollectionTime: number;
  /** Share of the acquires in the window that needed no new connection: `1 - created / acquires`, never under 0. */
  readonly connectionReuseRatio: number | null;
  /** What the fields above were computed from, and by what they were divided. */
  readonly detail: ResourceDetail;
}

export interface ResourceDetail {
  /** The span of `cpu`, `eventLoop` and `gc.interval`, in ms. The first sample's is the life of the process. */
  readonly intervalMs: number;
  readonly memory: {
    readonly rssBytes: number;
    readonly limitBytes: number;
    /** Who set the limit. */
    readonly source: MemoryLimitSource;
    /** `rssBytes / limitBytes` */
    readonly utilization: number;
    readonly heapUsedBytes: number;
    readonly heapTotalBytes: number;
    readonly heapLimitBytes: number;
    readonly externalBytes: number;
    readonly arrayBuffersBytes: number;
    /** An estimate: what a full collection might give back. */
    readonly reclaimableBytes: number;
    readonly level: PressureLevel;
  };
  readonly cpu: {
    /** Cores kept busy by this process. */
    readonly usedCores: number;
    /** Cores it may use. */
    readonly cores: number;
    readonly source: CpuLimitSource;
    /** Share of the interval in which the quota kept the process from running; `null` without a quota. */
    readonly throttledShare: number | null;
    readonly level: PressureLevel;
  };
  readonly eventLoop: { readonly utilization: number } & {
    readonly delayP50Ms: number;
    readonly delayP99Ms: number;
    readonly delayMaxMs: number;
  };
  readonly gc: {
    /** False before `start()`: nothing was counted then. */
    readonly observing: boolean;
    readonly interval: GcSummary & { readonly msPerSecond: number };
    readonly window: GcSummary;
  };
  readonly network: {
    readonly acquires: number;
    readonly created: number;
    readonly createFailures: number;
    readonly pools: readonly PoolWindow[];
  };
  readonly cache: { readonly caches: number; readonly lookups: number | null };
  /** Pressure stall information of Linux; `null` where the kernel has none. */
  readonly stall: {
    readonly memory: PressureStall | null;
    readonly cpu: PressureStall | null;
  };
}

/** What a cache tells of itself. */
export interface CacheReading {
  readonly hitRatio: number;
  readonly lookups: number | undefined;
}

export interface MetricsInput {
  readonly timestamp: number;
  readonly intervalMs: number;
  readonly reading: HostReading;
  /** Sums at the beginning of the interval. */
  readonly previous: Pick<HostReading, 'cpuMs' | 'loopActiveMs' | 'loopIdleMs' | 'throttledMs'>;
  readonly limits: HostLimits;
  readonly pools: readonly PoolWindow[];
  readonly caches: readonly CacheReading[];
  readonly reclaimableBytes: number;
  readonly memoryLevel: PressureLevel;
  readonly cpuLevel: PressureLevel;
}

/** Puts the numbers of one sample together; pure. */
export function composeMetrics(input: MetricsInput): ResourceOptimizationMetrics {
  const { reading, previous, limits, intervalMs } = input;
  const { rssBytes } = reading.memory;
  const { limitBytes, source } = limits.memory;
  const usedCores = intervalMs > 0 ? (reading.cpuMs - previous.cpuMs) / intervalMs : 0;
  const { acquires, created, createFailures } = totals(input.pools);
  const connects = created + createFailures;
  const { throttledMs } = reading;

  return {
    timestamp: input.timestamp,
    memoryEfficiency: Math.max(0, 1 - rssBytes / limitBytes),
    cpuUtilization: usedCores / limits.cpu.cores,
    networkEfficiency: acquires + connects > 0 ? acquires / (acquires + connects) : null,
    cacheHitRatio: hitRatio(input.caches),
    gcCollectionTime: reading.gc.window.p99Ms,
    connectionReuseRatio: reuseRatio({ acquires, created }) ?? null,
    detail: {
      intervalMs,
      memory: {
        ...reading.memory,
        limitBytes,
        source,
        utilization: rssBytes / limitBytes,
        reclaimableBytes: input.reclaimableBytes,
        level: input.memoryLevel,
      },
      cpu: {
        usedCores,
        ...limits.cpu,
        throttledShare:
          limits.cpu.source === 'machine' ||
          throttledMs === undefined ||
          previous.throttledMs === undefined ||
          intervalMs <= 0
            ? null
            : (throttledMs - previous.throttledMs) / intervalMs,
        level: input.cpuLevel,
      },
      eventLoop: { utilization: loopUtilization(reading, previous), ...delays(reading.delay) },
      gc: {
        observing: reading.gc.observing,
        interval: {
          ...reading.gc.interval,
          msPerSecond: intervalMs > 0 ? (reading.gc.interval.totalMs / intervalMs) * 1000 : 0,
        },
        window: reading.gc.window,
      },
      network: { acquires, created, createFailures, pools: input.pools },
      cache: { caches: input.caches.length, lookups: lookups(input.caches) },
      stall: { memory: reading.stall.memory ?? null, cpu: reading.stall.cpu ?? null },
    },
  };
}

/** Busy share of the loop between two readings; the sums since start would take hours to notice an overload. */
export function loopUtilization(now: LoopReading, previous: LoopReading): number {
  const active = now.loopActiveMs - previous.loopActiveMs;
  const idle = now.loopIdleMs - previous.loopIdleMs;
  return active + idle > 0 ? active / (active + idle) : 0;
}

function delays({ p50Ms, p99Ms, maxMs }: LoopDelayReading) {
  return { delayP50Ms: p50Ms, delayP99Ms: p99Ms, delayMaxMs: maxMs };
}

function totals(pools: readonly PoolWindow[]) {
  const sum = (field: 'acquires' | 'created' | 'createFailures') =>
    pools.reduce((total, pool) => total + pool[field], 0);
  return {
    acquires: sum('acquires'),
    created: sum('created'),
    createFailures: sum('createFailures'),
  };
}

function lookups(caches: readonly CacheReading[]): number | null {
  if (caches.length === 0 || caches.some((cache) => cache.lookups === undefined)) return null;
  return caches.reduce((total, cache) => total + (cache.lookups ?? 0), 0);
}

function hitRatio(caches: readonly CacheReading[]): number | null {
  const told = caches.filter((cache) => Number.isFinite(cache.hitRatio));
  if (told.length === 0) return null;
  // Weights only when every cache tells its own; else a cache that does not would count for nothing or for all.
  const total = lookups(told);
  const weight = (cache: CacheReading) => (total === null ? 1 : (cache.lookups ?? 0));
  const weights = told.reduce((sum, cache) => sum + weight(cache), 0);
  if (weights === 0) return null;
  return told.reduce((sum, cache) => sum + cache.hitRatio * weight(cache), 0) / weights;
}
