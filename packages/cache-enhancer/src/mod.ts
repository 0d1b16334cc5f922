/**
 * A consistent two-level cache over Redis: values in this process and in Redis, invalidations that no race undoes,
 * and a bound on how long Redis can hold anyone up.
 *
 * @module
 */
export { CacheNamespace } from './cache_namespace.ts';
export {
  CachePerformanceEnhancer,
  type InvalidationResult,
  type InvalidationTarget,
} from './cache_performance_enhancer.ts';
export type { Clock } from './clock.ts';
export { type Codec, jsonCodec } from './codec.ts';
export type { CacheEvents } from './emitter.ts';
export {
  CacheClosedError,
  CacheError,
  CacheValueError,
  InvalidationError,
  InvalidOptionError,
  LoaderTimeoutError,
  RedisUnavailableError,
} from './errors.ts';
export type { InvalidationTuningReport, InvalidationVariant } from './invalidation_tuning.ts';
export type { InvalidationShape } from './invalidator.ts';
export type { LatencySummary } from './latency_histogram.ts';
export type { Loader, LoaderContext } from './loader.ts';
export type { CacheMetrics } from './metrics.ts';
export type { CachePerformanceEnhancerOptions, EntryOptions } from './options.ts';
export type { LinkShape } from './redis_link.ts';
export type { ReadVariant, RedisTuningReport } from './redis_tuning.ts';
