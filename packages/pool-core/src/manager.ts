/**
 * The part of the package that knows nothing of PostgreSQL: a self-sizing pool of anything that can be created and
 * destroyed.
 *
 * @module
 */
export type { Clock, Timer } from './clock.ts';
export { systemClock } from './clock.ts';
export type { ConnectErrorKind, ConnectionFactory, ResetResult } from './connection_factory.ts';
export type * from './contract.ts';
export * from './errors.ts';
export { Histogram } from './histogram.ts';
export { Lease } from './lease.ts';
