import type {
  CacheMetrics,
  InvalidationTuningReport,
  RedisTuningReport,
} from '@fynlo/cache-enhancer';
import type { LatencyBucket, LatencySummary } from './latency_histogram.ts';
import type { OpenLoopReport } from './open_loop.ts';
import type { ProcessUsage } from './process_monitor.ts';
import type { ScenarioFrame } from './run_context.ts';
import type { HostEvidence } from './saturation_policy.ts';

/** A slice of the workload, for the warm-up curve. */
export interface HitRatioMoment {
  /** Since the load began, ms. */
  readonly atMs: number;
  readonly requests: number;
  /** Of this slice alone, 0..1. */
  readonly hitRatio: number;
}

/** Reads of a Zipf-distributed key space through an empty cache. */
export interface CacheWorkloadResult {
  readonly keys: number;
  readonly zipfExponent: number;
  readonly valueBytes: number;
  readonly maxLocalBytes: number;
  readonly offered: number;
  readonly distinctKeys: number;
  /** Cold start included, 0..1. */
  readonly hitRatio: number;
  /** What an unbounded cache that never forgets would have reached on the same requests: 1 − distinct ÷ requests. */
  readonly achievableHitRatio: number;
  /** From asking to the value, hits and misses together. */
  readonly response: LatencySummary;
  /** The same from the moment the schedule wanted it to start. */
  readonly responseFromIntended: LatencySummary;
  readonly distribution: readonly LatencyBucket[];
  readonly wrongValues: number;
  readonly warmUp: readonly HitRatioMoment[];
  readonly load: OpenLoopReport;
  readonly usage: ProcessUsage;
  readonly evidence: HostEvidence;
  readonly metrics: CacheMetrics;
}

/** Keys invalidated while two processes' worth of caches hold them. */
export interface InvalidationResult {
  readonly keys: number;
  readonly batchKeys: number;
  readonly tookMs: number;
  readonly keysPerSecond: number;
  /** Old values that were given out after the invalidation had returned, by the node that invalidated. */
  readonly staleHere: number;
  /** The same by another node, once it had given out a new one of the last batch. */
  readonly staleElsewhere: number;
  /** From the last invalidation until the other node gave out no old value of its batch, ms; `null`: not within 5 s. */
  readonly coherentAfterMs: number | null;
}

export interface CacheOptimizationResult extends ScenarioFrame {
  readonly name: 'cache';
  readonly workload: CacheWorkloadResult | null;
  readonly invalidation: InvalidationResult | null;
  /** Probes with evidence: what was tried on this Redis, what won, and by how much. */
  readonly redisTuning: RedisTuningReport | null;
  readonly invalidationTuning: InvalidationTuningReport | null;
}
