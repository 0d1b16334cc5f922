export type { TargetSessionAttrs } from './_host_policy.ts';
export type { LaneReason } from './_lane_policy.ts';
export type { LaneChange, LaneStats } from './_lane_stats.ts';
export type { PoolConnectContext } from './_pg_channels.ts';
export type { SessionCounts } from './_pg_session.ts';
export * from './manager.ts';
export type { HostAttempt } from './pg_errors.ts';
export {
  NestedAcquireError,
  NoSuitableHostError,
  PipeliningUnsupportedError,
  QueryAbortedError,
  ReplicaBehindError,
  TransactionRolledBackError,
} from './pg_errors.ts';
export type { GetConnectionOptions } from './pg_lease_options.ts';
export type { HostAddress, LoginCredentials, PoolOptions } from './pg_options.ts';
export type { PipeliningOptions } from './pg_pipelining_options.ts';
export type { PoolerClaim, PoolerMode, PoolerName, PoolerVerdict } from './pg_pooler.ts';
export type { TransactionOptions } from './pg_transaction_options.ts';
export type { Abortable, DisposablePoolClient, PgPoolStats } from './pool.ts';
export { Pool } from './pool.ts';
