/**
 * Lending a client, and getting it back.
 */
import { AsyncResource } from 'node:async_hooks';
import type pg from 'pg';
import type { Entry } from './_entry.ts';
import { insideOf } from './_pg_client_inside.ts';
import { recordOf } from './_pg_client_record.ts';
import type { QueryCallback } from './_pg_query.ts';
import { NATIVE_GRACE_MS } from './_pg_settings.ts';
import { standInFor } from './_pg_stand_in.ts';
import { rejectedFromCaller } from './_rejected_from_caller.ts';
import { throwLater } from './_throw_later.ts';
import {
  AcquireTimeoutError,
  ConnectFailedError,
  LeaseReleasedError,
  PoolClosedError,
} from './errors.ts';
import { Lease, type LeaseHome } from './lease.ts';
import type { ResourcePool } from './resource_pool.ts';
import { Waiter } from './waiter.ts';

/** pg-pool's words: applications compare them. */
const RELEASED_TWICE = 'Release called on client which has already been released to the pool.';
const POOL_ENDED = 'Cannot use a pool after calling end on the pool';
const TIMED_OUT = 'timeout exceeded when trying to connect';

export type Release = (error?: unknown) => void | Promise<void>;
export type ConnectCallback = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  done: Release,
) => void;

export type Resolve = (client: pg.PoolClient | PromiseLike<pg.PoolClient>) => void;
/** Hears of the connection before its borrower does. */
type Told = (entry: Entry<pg.Client>) => void;

/** What lending needs of the pool. */
export interface Lender {
  readonly resources: ResourcePool<pg.Client>;
  readonly allowsExit: boolean;
  /** Whether a stand-in is handed out instead of the client. */
  readonly standsIn: boolean;
  /** Tell pg-pool's events. */
  acquired(client: pg.Client): void;
  released(client: pg.Client, error: unknown): void;
  /** See PgClientFactory. */
  nearlyConnected(): boolean;
  /** A client came back, and may be idle. */
  returned(): void;
  /** A waiter was answered. */
  answered(): void;
}

function noop(): void {}

/** The engine's refusal in pg-pool's terms. */
export function asCallerSees(error: Error): Error {
  if (error instanceof ConnectFailedError && error.cause instanceof Error) return error.cause;
  if (error instanceof PoolClosedError) error.message = POOL_ENDED;
  if (error instanceof AcquireTimeoutError && !error.message.startsWith(TIMED_OUT)) {
    error.message = `${TIMED_OUT}. ${error.message}`;
    Error.captureStackTrace(error);
  }
  return error;
}

/** Makes the entry's client its borrower's: from here on its release ends this checkout, and only this one. */
function lend(lender: Lender, entry: Entry<pg.Client>): pg.PoolClient {
  const client = introduce(lender, entry);
  if (!lender.standsIn) {
    (client as unknown as { release: Release }).release = releaser(lender, entry);
    return client as pg.PoolClient;
  }
  (client as unknown as { release: Release }).release = releasedByLease;
  return standInFor(client, entry.leaseId, releaser(lender, entry));
}

export function introduce(lender: Lender, entry: Entry<pg.Client>): pg.Client {
  const client = entry.connection as pg.Client;
  const record = recordOf(client);
  if (record !== undefined && record.entry !== entry) record.entry = entry;
  if (lender.allowsExit) insideOf(client).ref?.();
  lender.acquired(client);
  return client;
}

/** What a client has for a `release()` that nobody has borrowed yet, as `pool.query()` does not set one. */
export function releasedAlready(): never {
  throw new Error(RELEASED_TWICE);
}

/** A function of its own, so that what it closes over is no more than this: the stand-in is not. */
function releaser(lender: Lender, entry: Entry<pg.Client>): Release {
  const { leaseId } = entry;
  let released = false;
  return (error) => {
    if (released) releasedAlready();
    released = true;
    // The pool has taken it back (the end of a grace, a proven leak): its holder gives back what it never knew to be gone.
    if (entry.leaseId !== leaseId) return undefined;
    return giveBack(lender, entry, leaseId, error);
  };
}

export function giveBack(
  lender: Lender,
  entry: Entry<pg.Client>,
  leaseId: number,
  error: unknown,
): void | Promise<void> {
  lender.released(entry.connection as pg.Client, error);
  try {
    // '' and 0 are no errors to pg-pool.
    const returning = lender.resources.release(entry, leaseId, error || undefined);
    if (returning === undefined) lender.returned();
    else void returning.then(() => lender.returned());
    return returning;
  } catch (failure) {
    if (failure instanceof LeaseReleasedError) releasedAlready();
    throw failure;
  }
}

/** Calls an application's callback from within the engine: what it throws is its own uncaught exception. */
function callBack(
  callback: ConnectCallback,
  error: Error | undefined,
  client?: pg.PoolClient,
): void {
  try {
    if (client === undefined) callback(error, undefined, noop);
    else callback(undefined, client, client.release as Release);
  } catch (thrown) {
    throwLater(thrown);
  }
}

/** Whether a waiter whose time is up waits on, for a client of pg-native that has its connection and is about to say so. */
export function isSpared(lender: Lender, waiter: Waiter<pg.Client>, error: Error): boolean {
  // Once: with a time limit of its own, it has been spared before.
  if (!(error instanceof AcquireTimeoutError) || waiter.ownTimeout || !lender.nearlyConnected()) {
    return false;
  }
  lender.resources.acquire(waiter, NATIVE_GRACE_MS);
  return true;
}

/** A `connect()` that waits. */
abstract class ConnectWaiter extends Waiter<pg.Client> {
  readonly #lender: Lender;
  readonly #told: Told | undefined;

  constructor(lender: Lender, told: Told | undefined) {
    super();
    this.#lender = lender;
    this.#told = told;
  }

  /** The acquire call is over: answers may be given in the tick they come. */
  returned(): void {}

  override get announces(): boolean {
    return true;
  }

  override granted(entry: Entry<pg.Client>, waitedMs: number): void {
    this.#told?.(entry);
    const lender = this.#lender;
    const client = lend(lender, entry);
    announce(lender, entry, waitedMs, client);
    this.answer(undefined, client);
    lender.answered();
  }

  override refused(error: Error): void {
    const lender = this.#lender;
    if (isSpared(lender, this, error)) return;
    this.answer(asCallerSees(error), undefined);
    lender.answered();
  }

  protected abstract answer(error: Error | undefined, client: pg.PoolClient | undefined): void;
}

export type { ConnectWaiter };

const SCOPE = { requireManualDestroy: true };

/** The async context that this is called in. */
export function ownContext(type: 'PG_POOL_CONNECT' | 'PG_POOL_QUERY'): AsyncResource {
  return new AsyncResource(type, SCOPE);
}

/** An answer in the async context that it was asked for in. As AsyncResource.bind(), which takes 15 us on Node 20. */
export function inOwnContext(reply: QueryCallback): QueryCallback {
  const scope = ownContext('PG_POOL_QUERY');
  return (error, result) => scope.runInAsyncScope(reply, undefined, error, result);
}

/**
 * `connect(callback)`: the oldest contract. A queued callback runs in the async context it came from, not in the one of
 * whoever gave the client back (pg-pool runs it in the latter, which mixes up AsyncLocalStorage and traces).
 */
export class CallbackWaiter extends ConnectWaiter {
  readonly #callback: ConnectCallback;
  readonly #scope: AsyncResource = ownContext('PG_POOL_CONNECT');
  #inCall = true;

  constructor(lender: Lender, callback: ConnectCallback, told: Told | undefined) {
    super(lender, told);
    this.#callback = callback;
  }

  override returned(): void {
    this.#inCall = false;
  }

  protected override answer(error: Error | undefined, client: pg.PoolClient | undefined): void {
    if (this.#inCall) process.nextTick(callBack, this.#callback, error, client);
    else this.#scope.runInAsyncScope(callBack, undefined, this.#callback, error, client);
  }
}

/** `await connect()`: who awaits goes on in its own async context. */
export class PromiseWaiter extends ConnectWaiter {
  readonly #resolve: Resolve;

  constructor(lender: Lender, resolve: Resolve, told: Told | undefined) {
    super(lender, told);
    this.#resolve = resolve;
  }

  protected override answer(error: Error | undefined, client: pg.PoolClient | undefined): void {
    this.#resolve(client ?? rejectedFromCaller(error as Error));
  }
}

/** An idle client, taken in this tick, handed over in the next, as pg-pool does. */
export function lendNextTick(
  lender: Lender,
  entry: Entry<pg.Client>,
  callback: ConnectCallback,
): void {
  process.nextTick(lendNow, lender, entry, callback);
}

function lendNow(lender: Lender, entry: Entry<pg.Client>, callback: ConnectCallback): void {
  callBack(callback, undefined, lendIdle(lender, entry));
}

/** The same for `await connect()`. */
export function resolveNextTick(lender: Lender, entry: Entry<pg.Client>, resolve: Resolve): void {
  process.nextTick(resolveNow, lender, entry, resolve);
}

function resolveNow(lender: Lender, entry: Entry<pg.Client>, resolve: Resolve): void {
  resolve(lendIdle(lender, entry));
}

function lendIdle(lender: Lender, entry: Entry<pg.Client>): pg.PoolClient {
  const client = lend(lender, entry);
  announce(lender, entry, 0, client);
  return client;
}

/** Only a stand-in can be lost: the pool itself keeps the client. */
function announce(
  lender: Lender,
  entry: Entry<pg.Client>,
  waitedMs: number,
  client: pg.PoolClient,
): void {
  lender.resources.announce(entry, waitedMs, lender.standsIn ? client : undefined);
}

/** A lease that tells pg-pool's events as well. */
export class PgLease extends Lease<pg.PoolClient> {
  readonly #lender: Lender;

  constructor(lender: Lender, entry: Entry<pg.Client>) {
    super(
      lender.resources as unknown as LeaseHome<pg.PoolClient>,
      entry as unknown as Entry<pg.PoolClient>,
    );
    this.#lender = lender;
    // A lease is released by itself: the client must not know it, or a lost lease could not be told from a held one.
    const client = introduce(lender, entry);
    (client as unknown as { release: Release }).release = releasedByLease;
  }

  override release(error?: unknown): void | Promise<void> {
    if (!this.released) this.#lender.released(this.connection, error);
    const returning = super.release(error);
    if (returning === undefined) this.#lender.returned();
    else void returning.then(() => this.#lender.returned());
    return returning;
  }
}

function releasedByLease(): never {
  throw new Error(
    'This client was lent as a lease: call release() of the lease, not of the client.',
  );
}

/** `getConnection()`: answers with a lease that nothing but the caller refers to. */
export class LeaseWaiter extends Waiter<pg.Client> {
  readonly #lender: Lender;
  readonly #resolve: (lease: PgLease) => void;
  readonly #reject: (error: Error) => void;
  readonly #told: ((entry: Entry<pg.Client>) => void) | undefined;
  /** Ends the watch over an AbortSignal. */
  unwatch: (() => void) | undefined;

  constructor(
    lender: Lender,
    resolve: (lease: PgLease) => void,
    reject: (error: Error) => void,
    told?: Told,
  ) {
    super();
    this.#told = told;
    this.#lender = lender;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  override granted(entry: Entry<pg.Client>): PgLease {
    this.unwatch?.();
    this.#told?.(entry);
    const lease = new PgLease(this.#lender, entry);
    this.#resolve(lease);
    this.#lender.answered();
    return lease;
  }

  override refused(error: Error): void {
    this.unwatch?.();
    this.#reject(asCallerSees(error));
    this.#lender.answered();
  }
}
