/**
 * A drop-in for `pg.Pool`.
 *
 * @module
 */
import pg from 'pg';
import { explainLanes } from './_explain_lanes.ts';
import type { LaneStats } from './_lane_stats.ts';
import { checkDuration } from './_option_checks.ts';
import { requestCancel } from './_pg_cancel.ts';
import { isConnectTraced, traceConnect } from './_pg_channels.ts';
import {
  CallbackWaiter,
  type ConnectCallback,
  type ConnectWaiter,
  inOwnContext,
  type Lender,
  lendNextTick,
  PromiseWaiter,
  type Resolve,
  resolveNextTick,
} from './_pg_checkout.ts';
import { tellAcquired, tellReleased } from './_pg_checkout_events.ts';
import { PgClientFactory } from './_pg_client_factory.ts';
import { activeQueryOf, insideOf } from './_pg_client_inside.ts';
import { recordOf } from './_pg_client_record.ts';
import { completeOptions } from './_pg_complete_options.ts';
import { Credentials } from './_pg_credentials.ts';
import { Drain } from './_pg_drain.ts';
import { isPgPoolsOwn } from './_pg_front_door.ts';
import { IdleTimer } from './_pg_idle_timer.ts';
import type { Lanes } from './_pg_lanes.ts';
import { cancelOnAbort, Leasing } from './_pg_leasing.ts';
import { NestingWatch } from './_pg_nesting.ts';
import { oneShots } from './_pg_one_shots.ts';
import { PoolerDetector } from './_pg_pooler_detector.ts';
import { abortableQueryOnce, type QueryCallback, type QueryRules, run } from './_pg_query.ts';
import { QueryWaiter } from './_pg_query_waiter.ts';
import { SendContext } from './_pg_send_context.ts';
import { Servers } from './_pg_servers.ts';
import type { SessionCounts } from './_pg_session.ts';
import { managerOptions, readPoolOptions } from './_pg_settings.ts';
import { SilenceWatch } from './_pg_silence_watch.ts';
import { checkSsl } from './_pg_ssl_setting.ts';
import { inTransaction } from './_pg_transaction.ts';
import { clientsToWatch } from './_pg_watched_clients.ts';
import { refuseSignal } from './_refuse_signal.ts';
import { rejectedFromCaller } from './_rejected_from_caller.ts';
import { writePositionOf } from './_replica_position.ts';
import { systemClock } from './clock.ts';
import type {
  ConnectionInfo,
  ConnectionPoolMetrics,
  EvictablePool,
  ObservablePool,
  PoolObserver,
  PoolState,
  PoolStats,
  ResizablePool,
  ScalingEvent,
} from './contract.ts';
import { DynamicConnectionPoolManager } from './dynamic_connection_pool_manager.ts';
import { AcquireAbortedError, InvalidOptionError } from './errors.ts';
import type { Lease } from './lease.ts';
import type { GetConnectionOptions } from './pg_lease_options.ts';
import type { PoolOptions } from './pg_options.ts';
import type { PoolerVerdict } from './pg_pooler.ts';
import type { TransactionOptions } from './pg_transaction_options.ts';
import type { ResourcePool } from './resource_pool.ts';

/** pg-pool's record of a call that wants a client. */
interface PendingItem {
  readonly callback: ConnectCallback;
}

/** What of pg-pool the front door goes through; not in its types. */
interface PoolInside {
  Client: unknown;
  Promise: PromiseConstructor;
  log: (...messages: unknown[]) => void;
  ended: boolean;
  _endCallback: (() => void) | undefined;
}

/** {@link PoolStats}, and how the shared connections stand where `pipelining` is on. */
export interface PgPoolStats extends PoolStats {
  readonly lanes?: LaneStats;
}

/** A client that `await using` gives back. */
export type DisposablePoolClient = pg.PoolClient & AsyncDisposable;

const EMPTY: readonly never[] = Object.freeze([]);

/**
 * A drop-in for `pg.Pool`: a subclass of the application's own, with its options and defaults, its methods in callback and
 * promise form, its events, counters and error texts; pg-pool's test suite passes on it. The clients it lends are plain pg Clients.
 *
 * Where it differs on purpose, and what it can do beyond, is listed in the README. In short: a failed statement does not cost
 * its connection, a client comes back clean, waiting callers are told why, and `end()` always ends.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { Pool } from '@fynlo/pool-core';
 *
 * await using pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 20 });
 *
 * const { rows } = await pool.query('select $1::int + 1 as n', [41]);
 * assert.deepEqual(rows, [{ n: 42 }]);
 *
 * const total = await pool.transaction(async (client) => {
 *   await client.query('create temporary table cart (price int) on commit drop');
 *   await client.query('insert into cart values (3), (4)');
 *   return (await client.query('select sum(price)::int as total from cart')).rows[0].total;
 * });
 * assert.equal(total, 7);
 * ```
 */
export class Pool
  extends pg.Pool
  implements ObservablePool, ResizablePool, EvictablePool, AsyncDisposable
{
  static {
    // drizzle looks for "Pool" in the name of the class, and minifiers take names away.
    Object.defineProperty(Pool, 'name', { value: 'FynloPool' });
    // Fields in @types/pg, accessors in pg-pool.
    const counter = (get: (this: Pool) => number): PropertyDescriptor => ({
      get,
      configurable: true,
    });
    Object.defineProperties(Pool.prototype, {
      totalCount: counter(function () {
        return this.#factory.clients.length;
      }),
      idleCount: counter(function () {
        return this.#resources.idle;
      }),
      waitingCount: counter(function () {
        const lanes = this.#lanes;
        return this.#resources.waiting + (lanes === undefined ? 0 : lanes.queued - lanes.tickets);
      }),
      expiredCount: counter(function () {
        const now = this.#resources.clock.now();
        let expired = 0;
        for (const { state, expiresAt } of this.#resources.entries()) {
          if (state === 'leased' && now >= expiresAt) expired++;
        }
        return expired;
      }),
    });
  }

  /** The engine: its workers, its decisions, and the mechanism below. */
  readonly manager: DynamicConnectionPoolManager<pg.Client>;
  readonly #factory: PgClientFactory;
  readonly #servers: Servers;
  readonly #resources: ResourcePool<pg.Client>;
  readonly #lender: Lender;
  readonly #counts: SessionCounts;
  readonly #nesting: NestingWatch | undefined;
  readonly #queryRules: QueryRules;
  readonly #sending: SendContext = new SendContext(() => this.#inside.Client);
  readonly #leasing: Leasing;
  /** Where one-shot queries share connections. */
  readonly #lanes: Lanes | undefined;
  readonly #silence: SilenceWatch | undefined;
  readonly #pooler: PoolerDetector;
  readonly #idle: IdleTimer<pg.Client> | undefined;
  /** Set while pg-pool's `connect()` looks whether it must queue: it must not, the engine does. */
  #atFrontDoor = false;
  /** Told the waiter that the next `connect()` queues, if it does. Not kept: it refers to its caller. */
  #queueing: ((waiter: ConnectWaiter) => void) | undefined;
  readonly #drain: Drain;
  #end: Promise<void> | undefined;
  /** The public function that is being called, where it is not the one that asks for the connection. */
  #entryPoint: ((...args: never[]) => unknown) | undefined;

  /**
   * @param options see {@link PoolOptions}
   * @param Client what is made instead of pg's Client, unless `options.Client` says so
   * @throws InvalidOptionError for a value that cannot work, or two options that contradict each other
   */
  constructor(options?: PoolOptions, Client?: unknown) {
    if (options !== undefined && options !== null && typeof options !== 'object') {
      throw new InvalidOptionError('options', options, 'an object, such as { connectionString }');
    }
    const given = options ?? {};
    const settings = readPoolOptions(given);
    checkSsl(given, isNative(given.Client ?? Client));
    super(options);
    if (Client !== undefined && given.Client === undefined) this.#inside.Client = Client;
    completeOptions(this.options, settings);
    this.#counts = { rolledBack: 0, reset: 0, drained: 0, shared: 0 };
    const { reset, resetTimeoutMs } = settings;
    const { connectTimeoutMs } = settings;
    this.#pooler = new PoolerDetector({
      claim: settings.pooler,
      clock: systemClock,
      newClient: (more) => this.#servers.newClient(more),
      generation: () => this.#resources.generation + this.#servers.changes,
    });
    const credentials = Credentials.of(given, systemClock, connectTimeoutMs);
    this.#servers = new Servers({
      ...settings,
      clock: systemClock,
      credentials: isNative(this.#inside.Client) ? undefined : credentials,
      checkIntervalMs: settings.serverCheckIntervalMs,
      lookup: given.lookup,
      directs: () => this.#directsSockets,
      newClient: (changes) => this.#factory.newClient(changes),
    });
    this.#factory = new PgClientFactory(this as never, {
      reset,
      resetTimeoutMs,
      connectTimeoutMs,
      counts: this.#counts,
      pooler: this.#pooler,
      learnCapacity: (read) => this.manager.learnCapacity(read),
      servers: this.#servers,
      install: (client, changes) => credentials?.install(client, changes),
      checking: () => this.#silence?.watch(),
    });
    this.manager = new DynamicConnectionPoolManager(
      managerOptions(settings, this.#factory, isNative(this.#inside.Client)),
    );
    this.#resources = this.manager.pool;
    this.#drain = new Drain(this.#resources, settings.name);
    this.#servers.attach(this.#resources);
    this.#nesting = settings.detectNestedAcquire ? new NestingWatch(this.#resources) : undefined;
    const silence = this.#watchSilence(settings.silenceTimeoutMs);
    this.#silence = silence;
    const { exactIdle, idleTimeoutMs } = settings;
    this.#idle =
      exactIdle && idleTimeoutMs < Number.POSITIVE_INFINITY
        ? new IdleTimer(this.#resources, idleTimeoutMs, () =>
            Math.max(this.options.min ?? 0, settings.warm),
          )
        : undefined;
    this.#lender = {
      resources: this.#resources,
      allowsExit: this.options.allowExitOnIdle,
      standsIn: settings.leases,
      acquired: (client) => {
        silence?.watch();
        tellAcquired(this, client);
      },
      released: (client, error) => tellReleased(this, client, error),
      returned: () => this.#idle?.watch(),
      nearlyConnected: () => this.#factory.nearlyConnected,
      answered: () => this.#drain.answered(),
    };
    const { lanes, rules: queryRules } = oneShots({
      settings,
      Client: this.#inside.Client,
      stream: this.options.stream,
      lender: this.#lender,
      manager: this.manager,
      pooler: this.#pooler,
      roleLost: (client) => this.#servers.refusedWrite(client),
      exclusively: (text, values, reply) => this.#query(text, values, reply),
    });
    this.#lanes = lanes;
    this.#leasing = new Leasing({
      ...settings,
      lender: this.#lender,
      servers: this.#servers,
      isEnding: () => this.ending,
      queued: () => lanes?.makeRoom(),
    });
    this.#queryRules = queryRules;
  }

  #watchSilence(silenceMs: number): SilenceWatch | undefined {
    if (silenceMs === Number.POSITIVE_INFINITY || isNative(this.#inside.Client)) return undefined;
    return new SilenceWatch({
      ...clientsToWatch(this.#resources),
      silenceMs,
      newClient: (other) => this.#servers.clientBeside(other),
      pooler: this.#pooler,
      lost: (clients) => this.#outdate(clients),
      reached: (tookMs) => this.manager.heardOfServer(tookMs),
      unreachable: (error, startedAt) => this.manager.missedServer(error, startedAt),
    });
  }

  /** Whether sockets go where the pool sends them: not those of the application, of libpq or of a runtime without Node's. */
  get #directsSockets(): boolean {
    const { stream, connection } = this.options as { stream?: unknown; connection?: unknown };
    if (stream !== undefined || connection !== undefined) return false;
    const { navigator } = globalThis as { navigator?: { userAgent?: string } };
    return !isNative(this.#inside.Client) && navigator?.userAgent !== 'Cloudflare-Workers';
  }

  get #inside(): PoolInside {
    return this as unknown as PoolInside;
  }

  // --- what others read of pg-pool ------------------------------------------------------------------------------

  get _clients(): readonly pg.Client[] {
    return this.#factory.clients;
  }
  get _idle(): readonly { readonly client: pg.Client }[] {
    if (this.#atFrontDoor) return EMPTY;
    return Array.from(this.#resources.idleEntries(), ({ connection }) => ({
      client: connection as pg.Client,
    }));
  }
  get _pendingQueue(): { readonly length: number } {
    return { length: this.#resources.waiting };
  }
  // pg-pool's constructor sets these.
  set _clients(_: unknown) {}
  set _idle(_: unknown) {}
  set _pendingQueue(_: unknown) {}

  // --- connect --------------------------------------------------------------------------------------------------

  /**
   * Lends a client, until its `release()` or the end of an `await using` scope.
   *
   * @throws AcquireTimeoutError after `connectionTimeoutMillis`; it begins with pg-pool's words and says how things stood
   * @throws PoolQueueFullError when `maxWaiting` callers wait already
   * @throws NestedAcquireError with `detectNestedAcquire`
   * @throws PoolClosedError once `end()` was called
   * @throws the connect's own error (pg's, Node's or a hook's) where waiting would not mend it, or there is no time limit
   */
  override connect(): Promise<DisposablePoolClient>;
  override connect(
    callback: (
      error: Error | undefined,
      client: pg.PoolClient | undefined,
      done: (release?: unknown) => void,
    ) => void,
  ): void;
  override connect(callback?: unknown): unknown {
    checkCallback(callback);
    const traced = isConnectTraced();
    if (traced || this.ending || !isPgPoolsOwn(super.connect)) return this.#enter(callback, traced);
    // Nobody watches pg-pool's way in, and it would come to the same.
    return callback ? this.#ask(callback as ConnectCallback) : this.#promise();
  }

  #promise(): Promise<pg.PoolClient> {
    return new this.#inside.Promise<pg.PoolClient>((resolve) => this.#ask(undefined, resolve));
  }

  /** pg-pool's own way in, which others may have put something before. */
  #enter(callback: unknown, traced: boolean): unknown {
    const enter = (reply?: unknown): unknown => {
      this.#atFrontDoor = true;
      try {
        return super.connect(reply as never);
      } finally {
        this.#atFrontDoor = false;
      }
    };
    return traced ? traceConnect(this, callback as never, enter as never) : enter(callback);
  }

  /** pg-pool's: never, so that it asks for a client instead of queueing. */
  _isFull(): boolean {
    return false;
  }

  /** pg-pool's way to get a client for a caller. */
  newClient(item: PendingItem): void {
    this.#atFrontDoor = false;
    this.#ask(item.callback);
  }

  #ask(callback: ConnectCallback): void;
  #ask(callback: undefined, resolve: Resolve): void;
  #ask(callback: ConnectCallback | undefined, resolve?: Resolve): void {
    const resources = this.#resources;
    const lender = this.#lender;
    const queueing = this.#queueing;
    this.#queueing = undefined;
    const nesting = this.#nesting?.begin();
    const entryPoint = this.#entryPoint ?? this.connect;
    const leaseId = resources.beginAcquire(undefined, entryPoint);
    const entry = resources.tryAcquire(undefined, leaseId, entryPoint);
    if (entry !== undefined) {
      nesting?.granted(entry);
      if (callback === undefined) resolveNextTick(lender, entry, resolve as Resolve);
      else lendNextTick(lender, entry, callback);
      return;
    }
    const told = nesting?.granted;
    const waiter =
      callback === undefined
        ? new PromiseWaiter(lender, resolve as Resolve, told)
        : new CallbackWaiter(lender, callback, told);
    waiter.leaseId = leaseId;
    resources.acquire(waiter, undefined, entryPoint);
    if (waiter.queued) this.#lanes?.makeRoom();
    waiter.returned();
    if (waiter.queued) {
      nesting?.queued(waiter);
      queueing?.(waiter);
    }
  }

  /**
   * Asks for a lease: a connection that is given back by `lease.release()` or `await using`, and whose loss can be proven.
   *
   * @throws what {@link connect} throws, and AcquireAbortedError by the signal
   *
   * @example
   * ```ts
   * import assert from 'node:assert/strict';
   * import { Pool } from '@fynlo/pool-core';
   *
   * await using pool = new Pool({ connectionString: process.env.DATABASE_URL });
   * {
   *   await using lease = await pool.getConnection({ label: 'nightly report', timeoutMs: 2_000 });
   *   await lease.connection.query('select 1');
   *   assert.equal(pool.connections()[0]?.label, 'nightly report');
   * }
   * assert.equal(pool.idleCount, 1);
   * ```
   */
  getConnection(options: GetConnectionOptions = {}): Promise<Lease<pg.PoolClient>> {
    return this.#leasing.lease(options, this.getConnection, this.#nesting?.begin());
  }

  /**
   * Runs `fn` with a connection that is given back whatever becomes of it.
   *
   * @throws what `fn` throws, and what {@link getConnection} throws
   */
  async withConnection<T>(
    fn: (client: pg.PoolClient) => Promise<T> | T,
    options: GetConnectionOptions = {},
  ): Promise<T> {
    const scope = this.#nesting?.scoped();
    const lease = await this.#leasing.lease(
      options,
      this.#entryPoint ?? this.withConnection,
      scope,
    );
    try {
      const client = lease.connection;
      return await (scope === undefined ? fn(client) : scope.run(() => fn(client)));
    } finally {
      if (!lease.released) await lease.release();
    }
  }

  /**
   * Runs `fn` in a transaction: committed when it returns, rolled back when it throws.
   *
   * @throws what `fn` throws, and what {@link getConnection} throws
   * @throws TransactionRolledBackError when the server answers COMMIT with a rollback, which pg takes for success
   * @throws ConnectionLostError with `maybeExecuted` when the connection was lost while COMMIT was under way
   *
   * @example
   * ```ts
   * import assert from 'node:assert/strict';
   * import { Pool } from '@fynlo/pool-core';
   *
   * await using pool = new Pool({ connectionString: process.env.DATABASE_URL });
   * const level = await pool.transaction(
   *   async (client) => (await client.query('show transaction_isolation')).rows[0].transaction_isolation,
   *   { isolationLevel: 'serializable', retries: 3 },
   * );
   * assert.equal(level, 'serializable');
   * ```
   */
  async transaction<T>(
    fn: (client: pg.PoolClient) => Promise<T> | T,
    options: TransactionOptions = {},
  ): Promise<T> {
    this.#entryPoint = this.transaction;
    // The acquire has begun when this returns, whether it is answered or not.
    const done = this.withConnection((client) => inTransaction(client, fn, options), options);
    this.#entryPoint = undefined;
    return done;
  }

  /**
   * How far the server has written, for `minLsn` of a pool of standbys: whoever leases there with it sees everything that was
   * committed before this call. One statement.
   *
   * @throws what {@link getConnection} throws
   *
   * @example
   * ```ts
   * import assert from 'node:assert/strict';
   * import { Pool } from '@fynlo/pool-core';
   *
   * const connectionString = process.env.DATABASE_URL;
   * await using primary = new Pool({ connectionString, targetSessionAttrs: 'read-write' });
   * await using replicas = new Pool({ connectionString, targetSessionAttrs: 'prefer-standby' });
   *
   * await primary.query('select txid_current()');
   * const minLsn = await primary.writePosition();
   * const read = await replicas.withConnection((client) => client.query('select 1 as seen'), { minLsn });
   * assert.equal(read.rows[0].seen, 1);
   * ```
   */
  writePosition(): Promise<string> {
    return this.withConnection(writePositionOf);
  }

  /**
   * Stops what a client of this pool runs on the server. Resolves once the server has taken the request; await the statement as
   * well before you use the client again.
   *
   * @returns false when nothing was running, or the server could not be asked.
   * @throws InvalidOptionError for what is no client of a pool
   */
  async cancel(client: pg.PoolClient): Promise<boolean> {
    if (!(client && recordOf(client))) {
      throw new InvalidOptionError('client', client, 'a client of this pool');
    }
    if (activeQueryOf(insideOf(client)) === undefined) return false;
    return requestCancel(client, this.options.stream, CANCEL_MS);
  }

  // --- what the engine offers -----------------------------------------------------------------------------------

  /** How the pool stands towards its server. */
  get state(): PoolState {
    return this.manager.state;
  }
  /** One sample of the pool and its process; rates and means are since the previous one. */
  metrics(): ConnectionPoolMetrics {
    return this.manager.metrics();
  }
  /** All counters and durations. */
  stats(): PgPoolStats {
    const stats = this.manager.stats();
    return this.#lanes === undefined ? stats : { ...stats, lanes: this.#lanes.stats() };
  }
  /** What was undone when clients came back. */
  sessionCounts(): Readonly<SessionCounts> {
    return { ...this.#counts };
  }
  /** How the pool stands and what it decided last, in words. */
  explain(): string {
    const { name, reasons } = this.pooler;
    const lines = [
      this.manager.explain(),
      ...this.#servers.describe(),
      ...(name === 'none' ? [] : reasons),
    ];
    if (this.#lanes !== undefined) lines.push(explainLanes(this.#lanes.stats()));
    return lines.join('\n');
  }
  /** What stands between the pool and its server, as far as is known by now; {@link detectPooler} finds it out. */
  get pooler(): PoolerVerdict {
    return this.#pooler.verdict;
  }
  /**
   * Finds out what stands between the pool and its server, and what is safe through it. Uses connections of its own: one where
   * nothing stands in between, four for a moment where something does. Never rejects: where the server cannot be asked, the
   * verdict is what is presumed, and not `settled`.
   *
   * @example
   * ```ts
   * import assert from 'node:assert/strict';
   * import { Pool } from '@fynlo/pool-core';
   *
   * await using pool = new Pool({ connectionString: process.env.DATABASE_URL });
   * const { name, sessionState } = await pool.detectPooler();
   * assert.equal(name, 'none');
   * assert.equal(sessionState, true);
   * ```
   */
  detectPooler(): Promise<PoolerVerdict> {
    return this.ending ? Promise.resolve(this.pooler) : this.#pooler.settle();
  }
  /** Every connection, the oldest first. */
  connections(): ConnectionInfo[] {
    const infos = this.manager.connections();
    return Array.from(this.#resources.entries(), ({ connection }, at) => {
      const info = infos[at] as ConnectionInfo;
      const backendPid = connection === undefined ? undefined : insideOf(connection).processID;
      return backendPid == null ? info : { ...info, backendPid };
    });
  }
  /** The last decisions about the size, the oldest first. */
  scalingEvents(): readonly ScalingEvent[] {
    return this.manager.scalingEvents();
  }
  /** Starts telling `observer` what happens; the returned function stops it. */
  observe(observer: PoolObserver): () => void {
    return this.manager.observe(observer);
  }
  /** Changes the bounds while the pool runs. @throws InvalidOptionError */
  resize(bounds: { readonly min?: number; readonly max?: number }): void {
    this.manager.resize(bounds);
    if (bounds.max !== undefined) this.options.max = bounds.max;
    if (bounds.min !== undefined) this.options.min = bounds.min;
  }
  /** Opens connections until there are `size`. Resolves when they are open, there is no room for more, or opening has failed. */
  warm(size: number): Promise<void> {
    return this.manager.warm(size);
  }
  /** Closes idle connections above the minimum now; returns how many. */
  evictIdle(): number {
    return this.manager.evictIdle();
  }
  /** Takes back a lease whose holder is proven lost. @returns false when no such lease is out. */
  reclaim(leaseId: number, reason: string): boolean {
    return this.manager.reclaim(leaseId, reason);
  }
  /** Hands nothing out until {@link resume}: calls wait, clients that are lent go on. */
  suspend(): void {
    this.manager.suspend();
  }
  resume(): void {
    this.manager.resume();
  }

  // --- query ----------------------------------------------------------------------------------------------------

  // The overloads of @types/pg, with its anys: a Pool must be assignable to a pg.Pool.
  // biome-ignore-start lint/suspicious/noExplicitAny: see above
  /**
   * Runs one statement on a client of its own. A config may carry a `signal`: fired while the statement waits, it ends the
   * wait; fired while it runs, the server is asked to cancel it, over a connection of its own, and the client serves nobody
   * before the server has answered both.
   *
   * @throws what {@link connect} throws, and the statement's own error, untouched
   * @throws AcquireAbortedError, QueryAbortedError by the signal
   *
   * @example
   * ```ts
   * import assert from 'node:assert/strict';
   * import { Pool, QueryAbortedError } from '@fynlo/pool-core';
   *
   * await using pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 1 });
   * await pool.query('select 1');
   * await assert.rejects(
   *   pool.query({ text: 'select pg_sleep(60)', signal: AbortSignal.timeout(100) }),
   *   QueryAbortedError,
   * );
   * assert.equal(pool.totalCount, 1);
   * ```
   */
  override query<T extends pg.Submittable>(queryStream: T): T;
  override query<R extends any[] = any[], I = any[]>(
    queryConfig: Abortable<pg.QueryArrayConfig<I>>,
    values?: pg.QueryConfigValues<I>,
  ): Promise<pg.QueryArrayResult<R>>;
  override query<R extends pg.QueryResultRow = any, I = any[]>(
    queryConfig: Abortable<pg.QueryConfig<I>>,
  ): Promise<pg.QueryResult<R>>;
  override query<R extends pg.QueryResultRow = any, I = any[]>(
    queryTextOrConfig: string | Abortable<pg.QueryConfig<I>>,
    values?: pg.QueryConfigValues<I>,
  ): Promise<pg.QueryResult<R>>;
  override query<R extends any[] = any[], I = any[]>(
    queryConfig: Abortable<pg.QueryArrayConfig<I>>,
    callback: (error: Error, result: pg.QueryArrayResult<R>) => void,
  ): void;
  override query<R extends pg.QueryResultRow = any, I = any[]>(
    queryTextOrConfig: string | Abortable<pg.QueryConfig<I>>,
    callback: (error: Error, result: pg.QueryResult<R>) => void,
  ): void;
  override query<R extends pg.QueryResultRow = any, I = any[]>(
    queryText: string,
    values: pg.QueryConfigValues<I>,
    callback: (error: Error, result: pg.QueryResult<R>) => void,
  ): void;
  override query(text: unknown, values?: unknown, callback?: unknown): any {
    // biome-ignore-end lint/suspicious/noExplicitAny: see above
    if (typeof text === 'function') return super.query(text as never);
    let reply = callback as QueryCallback | undefined;
    let given = values;
    if (typeof values === 'function') {
      reply = values as QueryCallback;
      given = undefined;
    }
    checkCallback(reply);
    if (reply) {
      // pg calls back in the context of whoever opened the connection.
      this.#query(text, given, inOwnContext(reply));
      return undefined;
    }
    return new this.#inside.Promise<unknown>((resolve) => {
      this.#query(text, given, (error, result) =>
        resolve(error ? rejectedFromCaller(error) : result),
      );
    });
  }

  #query(text: unknown, values: unknown, reply: QueryCallback): void {
    if (typeof text === 'object' && text !== null && 'signal' in text) {
      const refusal = refuseSignal(text.signal);
      if (refusal !== undefined) {
        process.nextTick(reply, refusal);
        return;
      }
    }
    if (this.#lanes?.take(text, values, reply) === true) return;
    if (typeof text === 'object' && text !== null && 'signal' in text && text.signal) {
      this.#abortableQuery(text, values, text.signal as AbortSignal, reply);
      return;
    }
    if (this.#isUnseen) {
      this.#queryDirectly(text, values, reply);
      return;
    }
    this.#entryPoint = this.query;
    this.connect((refusal, client, done) => {
      if (client === undefined) reply(refusal);
      else {
        run(client, text, values, this.#queryRules, {
          ended(cost, error, result) {
            void done(cost);
            reply(error, result);
          },
        });
      }
    });
    this.#entryPoint = undefined;
  }

  /** Whether `query()` by way of `connect()` would be seen by nobody. */
  get #isUnseen(): boolean {
    return (
      !this.ending &&
      this.connect === CONNECT &&
      isPgPoolsOwn(super.connect) &&
      !isConnectTraced() &&
      this.#nesting === undefined &&
      !this.#lender.standsIn
    );
  }

  #queryDirectly(text: unknown, values: unknown, reply: QueryCallback): void {
    const resources = this.#resources;
    const rules = this.#queryRules;
    const waiter = new QueryWaiter(this.#lender, rules, this.#sending, text, values, reply);
    waiter.leaseId = resources.beginAcquire(undefined, this.query);
    resources.acquire(waiter, undefined, this.query);
    if (waiter.queued) this.#lanes?.makeRoom();
    waiter.returned();
  }

  #abortableQuery(text: object, values: unknown, signal: AbortSignal, reply: QueryCallback): void {
    if (signal.aborted) {
      process.nextTick(reply, new AcquireAbortedError(0, signal.reason));
      return;
    }
    let unwatch: (() => void) | undefined;
    this.#entryPoint = this.query;
    this.#queueing = (waiter) => {
      unwatch = cancelOnAbort(this.#resources, waiter, signal);
    };
    this.connect((refusal, client, done) => {
      unwatch?.();
      if (client === undefined) reply(refusal);
      else if (signal.aborted) {
        done();
        reply(new AcquireAbortedError(0, signal.reason));
      } else {
        const rules = { ...this.#queryRules, stream: this.options.stream };
        abortableQueryOnce(client, done, text, values, rules, signal, reply);
      }
    });
    this.#entryPoint = undefined;
    // Refused before it came to that.
    this.#queueing = undefined;
  }

  /**
   * None of the connections to the server of these is lent again: the idle ones go now, the lent ones at their release. Where there
   * is one server, connects under way are as much in doubt.
   */
  #outdate([client]: readonly pg.Client[]): void {
    const resources = this.#resources;
    if (client !== undefined && this.#servers.leave(client)) return;
    resources.bumpGeneration();
    for (const entry of resources.idleEntries()) void resources.destroyIdle(entry, 'outdated');
  }

  // --- the end --------------------------------------------------------------------------------------------------

  /**
   * Ends the pool: no new calls, lent clients are waited for, callers behind a full pool are refused. A second call is an error,
   * as in pg-pool; `await using` is not.
   */
  override end(): Promise<void>;
  override end(callback: () => void): void;
  /** @param options graceMs: what is still lent after this time is closed under its holder. @default Infinity */
  override end(options: { readonly graceMs?: number }): Promise<void>;
  override end(
    how?: ((error?: Error) => void) | { readonly graceMs?: number },
  ): Promise<void> | void {
    const callback = typeof how === 'function' ? how : undefined;
    if (!this.ending && typeof how === 'object' && how?.graceMs !== undefined) {
      checkDuration('graceMs', how.graceMs);
      this.#drain.graceMs = how.graceMs;
    }
    // pg-pool's: tracers may patch it as well. It sets `ending`, and calls _pulseQueue().
    return super.end(callback as never);
  }

  /** Ends the pool, unless that was done already. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.ending) await this.end();
    await this.#end;
  }

  /** pg-pool's `end()` calls this. */
  _pulseQueue(): void {
    if (!this.ending || this.#end !== undefined) return;
    this.#end = this.#endAll();
    void this.#end.then(() => {
      this.#inside.ended = true;
      this.#inside._endCallback?.();
    });
  }

  async #endAll(): Promise<void> {
    this.#lanes?.end();
    const graceMs = await this.#drain.waiters(this.options.max);
    this.#silence?.stop();
    this.#idle?.stop();
    this.#servers.stop();
    await this.manager.end({ graceMs });
  }
}

/** A statement that can be stopped: an aborted signal ends the wait for a connection, or cancels it on the server. */
export type Abortable<Config> = Config & { readonly signal?: AbortSignal };

const CANCEL_MS = 5_000;

/** As it is before anybody patches it, or a subclass has its own. */
const CONNECT = Pool.prototype.connect;

/** Called later, with a client that nobody gives back, it would end the process. */
function checkCallback(callback: unknown): void {
  if (callback && typeof callback !== 'function') {
    throw new InvalidOptionError('callback', callback, 'a function');
  }
}

function isNative(Client: unknown): boolean {
  return typeof Client === 'function' && typeof Client.prototype?.isConnected === 'function';
}
