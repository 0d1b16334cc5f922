/**
 * Holds memory, CPU, connections and garbage collection of a Node.js process under target, by real and measured actions.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { OverloadedError, ResourceUsageOptimizer } from '@fynlo/resource-optimizer';
 *
 * const optimizer = new ResourceUsageOptimizer().start();
 *
 * function handle(): string {
 *   try {
 *     optimizer.admit({ priority: 'normal' });
 *   } catch (error) {
 *     if (error instanceof OverloadedError) return `503, retry after ${error.retryAfterMs} ms`;
 *     throw error;
 *   }
 *   return '200';
 * }
 * assert.equal(handle(), '200');
 * await optimizer.stop();
 * ```
 *
 * @module
 */
export type {
  AdmissionStats,
  SheddingEvent,
  WatchedQueue,
} from './admission_controller.ts';
export type { Clock, TimerLike } from './clock.ts';
export { systemClock } from './clock.ts';
export type { LimiterStats } from './concurrency_limiter.ts';
export { ConcurrencyLimiter } from './concurrency_limiter.ts';
export type { CpuLimit, CpuLimitSource } from './cpu_limit.ts';
export type { OverloadReason, Priority, ResourceOptimizerErrorCode } from './errors.ts';
export { InvalidOptionError, OverloadedError, ResourceOptimizerError } from './errors.ts';
export type { GcKind, GcKindSummary, GcSummary } from './gc_counter.ts';
export type {
  HostLimits,
  HostProbe,
  HostReading,
  LoopReading,
  MemoryReading,
} from './host_probe.ts';
export { systemHostProbe } from './host_probe.ts';
export type { LoopDelayReading } from './loop_delay.ts';
export type { MemoryLimit, MemoryLimitSource } from './memory_limit.ts';
export type { ResourceDetail, ResourceOptimizationMetrics } from './metrics.ts';
export type { NodeOptions } from './node_options_policy.ts';
export type { ConcurrencyLimiterOptions, ResourceUsageOptimizerOptions } from './options.ts';
export type { PgPoolLike } from './pg_pool.ts';
export { watchPgPool } from './pg_pool.ts';
export type { PoolWindow, ReadablePool, WatchedPool } from './pool_watch.ts';
export type { PressureLevel } from './pressure_policy.ts';
export type { PressureStall } from './pressure_stall.ts';
export type { Pressure, Relief, Reliever } from './relievers.ts';
export type {
  ActionUnit,
  OptimizationAction,
  OptimizationAdvice,
  OptimizationReport,
  OptimizationTarget,
} from './report.ts';
export type { PressureEvent, ReadableCache } from './resource_sampler.ts';
export type { AdmitOptions, OptimizerEvents } from './resource_usage_optimizer.ts';
export { ResourceUsageOptimizer } from './resource_usage_optimizer.ts';
export type { VegasConfig } from './vegas_limit.ts';
export { VegasLimit } from './vegas_limit.ts';
