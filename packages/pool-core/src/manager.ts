/**
 * The part of the package that knows nothing of PostgreSQL: a self-sizing pool of anything that can be created and
 * destroyed.
 *
 * @module
 */
export type { Entry } from './_entry.ts';
export type { Clock, Timer } from './clock.ts';
export { systemClock } from './clock.ts';
export type { ConnectErrorKind, ConnectionFactory, ResetResult } from './connection_factory.ts';
export type * from './contract.ts';
export type { AcquireOptions } from './dynamic_connection_pool_manager.ts';
export { DynamicConnectionPoolManager } from './dynamic_connection_pool_manager.ts';
export type { LongestHeld, PoolSituation } from './errors.ts';
export {
  AcquireAbortedError,
  AcquireTimeoutError,
  ConnectFailedError,
  ConnectionLostError,
  ConnectTimeoutError,
  IllegalStateError,
  InvalidOptionError,
  LeaseReleasedError,
  PoolClosedError,
  PoolError,
  PoolQueueFullError,
} from './errors.ts';
export type { ConnectFailureVerdict, Governor } from './governor.ts';
export { Histogram } from './histogram.ts';
export type { LeaseHome } from './lease.ts';
export { Lease } from './lease.ts';
export type { DynamicConnectionPoolManagerOptions } from './options.ts';
export type { ResourcePoolParts } from './resource_pool.ts';
export { ResourcePool } from './resource_pool.ts';
export type { Tuning } from './tuning_options.ts';
export { Waiter } from './waiter.ts';
