/**
 * Everything the pool throws. Each class has a stable `code` and carries its data as fields.
 *
 * @module
 */
import { placeOf } from './_acquire_sites.ts';
import type { ConnectionState, PoolState } from './contract.ts';

/** The base of all errors of this package. */
export class PoolError extends Error {
  override readonly name: string = 'PoolError';
  /** Stable; recognisable across duplicate copies of the package. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** How the pool stood when an acquire failed. */
export interface PoolSituation {
  readonly name: string;
  readonly state: PoolState;
  readonly size: number;
  readonly idle: number;
  readonly leased: number;
  readonly connecting: number;
  readonly waiting: number;
  readonly max: number;
  readonly ceiling: number;
  /** Why the ceiling is below `max`, where it is. */
  readonly ceilingReason?: string;
  /** For how long the server has not answered, ms; undefined while it does. */
  readonly downForMs?: number;
  readonly longestHeld?: LongestHeld;
}

/** The lease that has been out longest. */
export interface LongestHeld {
  readonly leaseId: number;
  readonly connectionId: number;
  readonly heldMs: number;
  readonly label?: string;
  /** The stack that it was asked for from, one frame per line; taken of some acquires only, see `acquireStackEveryMs`. */
  readonly acquiredFrom?: string;
}

/** An acquire reached its deadline. `cause` is the last connect error, where there was one. */
export class AcquireTimeoutError extends PoolError {
  override readonly name: string = 'AcquireTimeoutError';
  readonly waitedMs: number;
  /** The deadline that passed, as a duration. */
  readonly timeoutMs: number;
  /** Which deadline it was: the pool's option, or the one given to this acquire. */
  readonly deadline: 'acquireTimeoutMs' | 'timeoutMs';
  /** `busy`: all connections were in use; `down`: none could be opened. */
  readonly because: 'busy' | 'down';
  readonly situation: PoolSituation;

  constructor(
    fields: {
      waitedMs: number;
      timeoutMs: number;
      deadline: 'acquireTimeoutMs' | 'timeoutMs';
      situation: PoolSituation;
    },
    lastConnectError?: unknown,
  ) {
    const { situation } = fields;
    const failing = situation.state === 'down' || situation.state === 'suspect';
    const failed = lastConnectError !== undefined;
    const opening = situation.connecting > 0;
    const down = failing || (situation.leased === 0 && (failed || opening));
    let why = 'all connections are in use';
    if (down) why = failing || failed ? 'the server cannot be reached' : 'none was opened in time';
    super(
      'ERR_POOL_ACQUIRE_TIMEOUT',
      `No connection after ${round(fields.waitedMs)} ms (${fields.deadline} ${fields.timeoutMs}): ` +
        `${why}. ${describeSituation(situation, lastConnectError)}`,
      lastConnectError === undefined ? undefined : { cause: lastConnectError },
    );
    this.waitedMs = fields.waitedMs;
    this.timeoutMs = fields.timeoutMs;
    this.deadline = fields.deadline;
    this.because = down ? 'down' : 'busy';
    this.situation = situation;
  }
}

/** The caller's AbortSignal ended the acquire. `cause` is the signal's reason. */
export class AcquireAbortedError extends PoolError {
  override readonly name: string = 'AcquireAbortedError';
  readonly waitedMs: number;

  constructor(waitedMs: number, reason: unknown) {
    super(
      'ERR_POOL_ACQUIRE_ABORTED',
      `The acquire was aborted by its signal after ${round(waitedMs)} ms`,
      { cause: reason },
    );
    this.waitedMs = waitedMs;
  }
}

/** The pool is closing or closed. */
export class PoolClosedError extends PoolError {
  override readonly name: string = 'PoolClosedError';

  constructor(poolName: string, attempted = 'acquire a connection') {
    super('ERR_POOL_CLOSED', `Cannot ${attempted}: end() was called on pool "${poolName}"`);
  }
}

/** As many acquires wait as `maxWaiting` allows. */
export class PoolQueueFullError extends PoolError {
  override readonly name: string = 'PoolQueueFullError';
  readonly maxWaiting: number;
  readonly situation: PoolSituation;

  constructor(maxWaiting: number, situation: PoolSituation) {
    super(
      'ERR_POOL_QUEUE_FULL',
      `The queue is full: ${situation.waiting} acquires wait (maxWaiting ${maxWaiting}). ${describeSituation(situation, undefined)}`,
    );
    this.maxWaiting = maxWaiting;
    this.situation = situation;
  }
}

/** A lease was used after it was released, released twice, or taken back. */
export class LeaseReleasedError extends PoolError {
  override readonly name: string = 'LeaseReleasedError';
  readonly leaseId: number;

  constructor(leaseId: number, attempted: string) {
    super(
      'ERR_POOL_LEASE_RELEASED',
      `Cannot ${attempted}: lease ${leaseId} is over (released before, or taken back by the pool)`,
    );
    this.leaseId = leaseId;
  }
}

/** A connect attempt did not finish within `connectTimeoutMs`. */
export class ConnectTimeoutError extends PoolError {
  override readonly name: string = 'ConnectTimeoutError';
  readonly connectTimeoutMs: number;

  constructor(connectTimeoutMs: number) {
    super(
      'ERR_POOL_CONNECT_TIMEOUT',
      `The server did not finish the connect within ${connectTimeoutMs} ms (connectTimeoutMs)`,
    );
    this.connectTimeoutMs = connectTimeoutMs;
  }
}

/** A connection died under its user. */
export class ConnectionLostError extends PoolError {
  override readonly name: string = 'ConnectionLostError';
  /** Whether the server may have executed what was in flight. Only when `false` is it safe to try again blindly. */
  readonly maybeExecuted: boolean;

  constructor(message: string, options: { maybeExecuted: boolean; cause?: unknown }) {
    super(
      'ERR_POOL_CONNECTION_LOST',
      message,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.maybeExecuted = options.maybeExecuted;
  }
}

/** A connect failed in a way that trying again will not change. `cause` is the server's own error. */
export class ConnectFailedError extends PoolError {
  override readonly name: string = 'ConnectFailedError';

  constructor(poolName: string, cause: unknown) {
    super(
      'ERR_POOL_CONNECT_FAILED',
      `Pool "${poolName}" cannot open a connection: ${messageOf(cause)}`,
      { cause },
    );
  }
}

/** An option has a value the pool cannot work with. */
export class InvalidOptionError extends PoolError {
  override readonly name: string = 'InvalidOptionError';
  readonly option: string;
  readonly value: unknown;
  readonly wanted: string;

  constructor(option: string, value: unknown, wanted: string) {
    super('ERR_POOL_INVALID_OPTION', `Invalid ${option}: ${show(value)} (wanted: ${wanted})`);
    this.option = option;
    this.value = value;
    this.wanted = wanted;
  }
}

/** A connection was asked to change into a state it cannot reach from where it is. A defect of the caller. */
export class IllegalStateError extends PoolError {
  override readonly name: string = 'IllegalStateError';
  readonly connectionId: number;
  readonly from: ConnectionState | 'closed';
  readonly to: ConnectionState | 'closed';

  constructor(
    connectionId: number,
    from: ConnectionState | 'closed',
    to: ConnectionState | 'closed',
  ) {
    super(
      'ERR_POOL_ILLEGAL_STATE',
      `Connection ${connectionId} is ${from}: it cannot become ${to}`,
    );
    this.connectionId = connectionId;
    this.from = from;
    this.to = to;
  }
}

/** One sentence or two on how a pool stands, for an operator. */
export function describeSituation(situation: PoolSituation, lastConnectError: unknown): string {
  const parts = [
    `Pool "${situation.name}" (${situation.state}): ${situation.size} of ${situation.max} connections`,
    situation.ceiling < situation.max
      ? ` (held at ${situation.ceiling}${situation.ceilingReason === undefined ? '' : `: ${situation.ceilingReason}`})`
      : '',
    `, ${situation.leased} leased, ${situation.idle} idle, ${situation.connecting} connecting, ${situation.waiting} waiting`,
  ];
  const held = situation.longestHeld;
  if (held !== undefined) {
    const named = held.label === undefined ? '' : ` "${held.label}"`;
    const place = held.acquiredFrom === undefined ? undefined : placeOf(held.acquiredFrom);
    const from = place === undefined ? '' : `, acquired at ${place}`;
    parts.push(
      `; lease ${held.leaseId}${named} has been out longest, ${round(held.heldMs)} ms${from}`,
    );
  }
  if (situation.downForMs !== undefined) {
    parts.push(`; the server has not answered for ${round(situation.downForMs)} ms`);
  }
  if (lastConnectError !== undefined) {
    parts.push(`; last connect error: ${messageOf(lastConnectError)}`);
  }
  return parts.join('');
}

/** What an unknown thrown thing says, never empty (Node's AggregateError of a failed connect has no message). */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return textOf(error);
  if (error.message !== '') return error.message;
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0]);
  return 'code' in error ? String(error.code) : error.name;
}

function round(ms: number): number {
  return Math.round(ms);
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : textOf(value);
}

/** Of anything: an object may have no text, or refuse it. */
function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return typeof value;
  }
}
