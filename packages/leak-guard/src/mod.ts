/**
 * Finds leaked connections and leaked memory in a running service, names where they come from, and takes leaked
 * connections back.
 *
 * @module
 */
export type { AcquireSite } from './acquire_site.ts';
export * from './buffer_pool.ts';
export type { RegisteredCache } from './cache_registry.ts';
export type { Clock, Timer } from './clock.ts';
export * from './errors.ts';
export { type GuardedPgPool, type GuardPgPoolOptions, guardPgPool } from './guard_pg_pool.ts';
export type { Culprit } from './heap_attribution.ts';
export type { SnapshotOutcome } from './heap_snapshot.ts';
export * from './memory_leak_prevention.ts';
export type { Tracker } from './object_tracker.ts';
export type {
  LeakLevel,
  MemoryLeakPreventionOptions,
  SnapshotOptions,
  TrendOptions,
} from './options.ts';
export { pgClientOf } from './pg_client_lease.ts';
export type { PgClientLike, PgPoolLike } from './pg_shapes.ts';
export type { AcquiringEvent, GuardedPool, LeaseObserver } from './pool_attachment.ts';
export type * from './report.ts';
export * from './result_budget.ts';
export type { ProbeResult } from './soft_probe.ts';
