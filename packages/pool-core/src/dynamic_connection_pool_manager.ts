/**
 * A pool that sizes itself, heals itself and explains itself.
 *
 * @module
 */
import { admit } from './_admission_policy.ts';
import { infoOf, longestHeldOf } from './_connection_info.ts';
import { Decisions } from './_decisions.ts';
import type { Entry } from './_entry.ts';
import { explain } from './_explain.ts';
import { HealthMonitor } from './_health_monitor.ts';
import { LeaseWaiter } from './_lease_waiter.ts';
import { LifecycleManager } from './_lifecycle_manager.ts';
import { MetricsSampler } from './_metrics_sampler.ts';
import { checkCount, checkDuration } from './_option_checks.ts';
import { Recovery } from './_recovery.ts';
import { refuseSignal } from './_refuse_signal.ts';
import { Scaler } from './_scaler.ts';
import { connectsDemanded } from './_scaling_policy.ts';
import { checkBounds, readOptions, type Settings } from './_settings.ts';
import type { ConnectErrorKind } from './connection_factory.ts';
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
  ScalingReason,
  ServerCapacity,
} from './contract.ts';
import {
  AcquireAbortedError,
  AcquireTimeoutError,
  ConnectFailedError,
  ConnectionLostError,
  ConnectTimeoutError,
  PoolClosedError,
  PoolQueueFullError,
  type PoolSituation,
} from './errors.ts';
import type { ConnectFailureVerdict, Governor } from './governor.ts';
import { Lease } from './lease.ts';
import type { DynamicConnectionPoolManagerOptions } from './options.ts';
import { ResourcePool } from './resource_pool.ts';
import type { Waiter } from './waiter.ts';

/** What one acquire may ask for. */
export interface AcquireOptions {
  /** Ends the wait with AcquireAbortedError. Without effect once the connection is handed out. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long to wait, ms; Infinity: for as long as it takes.
   * @default acquireTimeoutMs of the pool
   */
  readonly timeoutMs?: number | undefined;
  /** What to call this acquire in events, errors and `connections()`: an operation's name, not a query. */
  readonly label?: string | undefined;
}

/** A promise of a size. */
interface Awaited {
  readonly size: number;
  readonly resolve: () => void;
}

/**
 * Manages connections of any kind: opens them as load needs them and as the server can bear it, keeps a minimum warm, checks
 * idle ones in the background, replaces old ones, survives outages, and says what it did and why.
 *
 * The mechanism below it is {@link ResourcePool}; this class owns the clock and the workers, asks the policies, and
 * records every decision.
 *
 * @example
 * ```ts
 * import { DynamicConnectionPoolManager } from '@fynlo/pool-core/manager';
 * import assert from 'node:assert/strict';
 *
 * let opened = 0;
 * await using pool = new DynamicConnectionPoolManager({
 *   minConnections: 2,
 *   maxConnections: 20,
 *   factory: { create: () => ({ id: ++opened }), destroy() {} },
 * });
 * await pool.start();
 * const id = await pool.withConnection((connection) => connection.id);
 * assert.ok(id >= 1 && opened === 2);
 * assert.equal(pool.stats().idle, 2);
 * ```
 */
export class DynamicConnectionPoolManager<C>
  implements ObservablePool, ResizablePool, EvictablePool, AsyncDisposable
{
  /** The mechanism, for those who build on it: see {@link ResourcePool}. */
  readonly pool: ResourcePool<C>;
  readonly #settings: Settings<C>;
  readonly #decisions: Decisions;
  readonly #recovery: Recovery;
  readonly #lifecycle: LifecycleManager<C>;
  readonly #scaler: Scaler<C>;
  readonly #health: HealthMonitor<C>;
  readonly #metrics: MetricsSampler;
  #started = false;
  #awaited: Awaited[] = [];
  #toldState: PoolState = 'ready';

  /** @throws InvalidOptionError */
  constructor(options: DynamicConnectionPoolManagerOptions<C>) {
    const settings = readOptions(options);
    const { clock, tuning } = settings;
    this.#settings = settings;
    this.pool = new ResourcePool<C>({
      name: settings.name,
      factory: settings.factory,
      clock,
      governor: this.#governor(),
      limit: settings.maxConnections,
      acquireTimeoutMs: settings.acquireTimeoutMs,
      connectTimeoutMs: settings.connectTimeoutMs,
      resetTimeoutMs: settings.resetTimeoutMs,
      closeTimeoutMs: settings.closeTimeoutMs,
      acquireStackEveryMs: settings.acquireStackEveryMs,
      maxUses: settings.maxUses,
    });
    this.#decisions = new Decisions(tuning.eventsKept, clock, this.pool.observers);
    this.#recovery = new Recovery(settings, () => this.#tellState());
    this.#lifecycle = new LifecycleManager(this.pool, settings, {
      mayConnect: (now) => this.#recovery.allows(this.pool.connecting, now),
      retryIn: (now) => this.#recovery.retryIn(now),
      grew: (reason) => this.#grew(reason, this.#lifecycle.standing),
    });
    this.#scaler = new Scaler(this.pool, settings, this.#lifecycle, this.#decisions, {
      ticked: (now) => this.#ticked(now),
    });
    this.#health = new HealthMonitor(this.pool, settings);
    this.#metrics = new MetricsSampler(clock, this.pool.meter);
    this.#scaler.applyLimit();
  }

  /** What the pool is called in errors and events. */
  get name(): string {
    return this.#settings.name;
  }

  /**
   * Opens the minimum and starts the background workers. Resolves when the minimum is open, or when that has failed for
   * now (it goes on in the background). Never needed: the first acquire starts them as well.
   *
   * @throws PoolClosedError
   */
  async start(): Promise<void> {
    if (this.pool.ending) throw new PoolClosedError(this.name, 'start the pool');
    this.#start();
    await this.#whenOpen(this.#lifecycle.min);
  }

  /**
   * Leases a connection: an idle one, or one that comes back, or a new one, whichever is first.
   *
   * @throws AcquireTimeoutError when none could be had in time: it says whether the pool was busy or the server down,
   * who holds longest, and the last connect error.
   * @throws AcquireAbortedError by the signal
   * @throws PoolQueueFullError when `maxWaiting` acquires wait already
   * @throws ConnectFailedError when the server refuses in a way that waiting does not mend
   * @throws PoolClosedError once `end()` was called
   */
  getConnection(options?: AcquireOptions): Promise<Lease<C>> {
    return this.#acquire(options, this.getConnection);
  }

  #acquire(
    options: AcquireOptions | undefined,
    entryPoint: (...args: never[]) => unknown,
  ): Promise<Lease<C>> {
    const signal = options?.signal;
    let leaseId = 0;
    try {
      const refusal = refuseSignal(signal);
      if (refusal !== undefined) throw refusal;
      if (signal?.aborted) throw new AcquireAbortedError(0, signal.reason);
      const { pool } = this;
      if (pool.observers.hearAcquiring) {
        leaseId = pool.beginAcquire(options?.label, entryPoint);
      }
      const entry = pool.tryAcquire(options?.label, leaseId, entryPoint);
      if (entry !== undefined) {
        const lease = new Lease(pool, entry);
        if (pool.observers.hearsLeases) pool.announce(entry, 0, lease);
        return Promise.resolve(lease);
      }
      if (options?.timeoutMs !== undefined) checkDuration('timeoutMs', options.timeoutMs);
    } catch (error) {
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      const waiter = new LeaseWaiter(this.pool, resolve, reject, signal);
      waiter.label = options?.label;
      waiter.leaseId = leaseId;
      this.pool.acquire(waiter, options?.timeoutMs, entryPoint);
    });
  }

  /**
   * Calls `fn` with a connection and gives it back, whatever happens. An error of `fn` does not cost the connection;
   * use a lease where it should.
   *
   * @throws what `fn` throws, and what {@link getConnection} throws.
   */
  async withConnection<T>(
    fn: (connection: C) => Promise<T> | T,
    options?: AcquireOptions,
  ): Promise<T> {
    const lease = await this.#acquire(options, this.withConnection);
    try {
      return await fn(lease.connection);
    } finally {
      if (!lease.released) void lease.release();
    }
  }

  /** One sample of the pool and its process; rates and means are since the previous one. */
  metrics(): ConnectionPoolMetrics {
    const { leased, idle, size } = this.pool;
    return this.#metrics.sample({ leased, idle, size, usable: this.#usable });
  }

  stats(): PoolStats {
    const { pool } = this;
    const { meter } = pool;
    const now = this.#settings.clock.now();
    const oldest = pool.oldestWaiter;
    this.#decisions.flush();
    return {
      at: this.#settings.clock.wallNow(),
      state: this.state,
      size: pool.size,
      ...pool.counts(),
      waiting: pool.waiting,
      oldestWaitMs: oldest === undefined ? 0 : now - oldest.since,
      min: this.#lifecycle.min,
      max: this.#scaler.max,
      ceiling: pool.limit,
      acquires: meter.acquires,
      releases: meter.releases,
      acquireTimeouts: meter.acquireTimeouts,
      acquireAborts: meter.acquireAborts,
      acquireRejections: meter.acquireRejections,
      created: meter.created,
      createFailures: meter.createFailures,
      destroyed: { ...meter.destroyed },
      scaleUps: this.#decisions.ups,
      scaleDowns: this.#decisions.downs,
      wait: meter.wait.summary(),
      use: meter.use.summary(),
      create: meter.create.summary(),
    };
  }

  /** How the pool stands and what it decided last, in words for a person on call. */
  explain(): string {
    return explain({
      situation: this.#situation(this.#settings.clock.now()),
      stats: this.stats(),
      decisions: this.#decisions.list(),
      lastConnectError: this.#recovery.lastError,
      serverAllows: this.#scaler.serverAllows,
      connectLimit: this.#recovery.connectLimit,
      min: this.#lifecycle.min,
    });
  }

  /** Every connection, the oldest first. O(n). */
  connections(): ConnectionInfo[] {
    const now = this.#settings.clock.now();
    return Array.from(this.pool.entries(), (entry) => infoOf(entry, now));
  }

  /** The last decisions about the size (1 000 by default), the oldest first. */
  scalingEvents(): readonly ScalingEvent[] {
    return this.#decisions.list();
  }

  get state(): PoolState {
    if (this.pool.ended) return 'closed';
    return this.pool.ending ? 'closing' : this.#recovery.state;
  }

  observe(observer: PoolObserver): () => void {
    return this.pool.observers.add(observer);
  }

  /** One fact of {@link PoolObserver}. @returns how to stop listening. */
  on<F extends Exclude<keyof PoolObserver, 'tracksLeases'>>(
    fact: F,
    listener: NonNullable<PoolObserver[F]>,
  ): () => void {
    return this.observe({ [fact]: listener } as PoolObserver);
  }

  resize(bounds: { readonly min?: number; readonly max?: number }): void {
    const max = bounds.max ?? this.#scaler.max;
    const min = bounds.min ?? this.#lifecycle.min;
    checkBounds(min, max);
    const from = this.#scaler.max;
    this.#lifecycle.min = min;
    this.#scaler.max = max;
    if (bounds.min !== undefined) this.#scaler.floor = min;
    this.#scaler.floor = Math.min(this.#scaler.floor, max);
    this.#decisions.record('resize', from, max, { min, max });
    this.#scaler.applyLimit();
    this.#lifecycle.fill(this.#settings.clock.now());
  }

  /**
   * Opens connections until there are `size`, ahead of a load that is known to come. They stay until they have been idle
   * for too long. Resolves when they are open, or when opening has failed.
   *
   * @throws InvalidOptionError when `size` is not a whole number; more than `maxConnections` is taken as that.
   */
  async warm(size: number): Promise<void> {
    checkCount('size', size);
    if (this.pool.ending) throw new PoolClosedError(this.name, 'warm the pool');
    const wanted = Math.min(size, this.#scaler.max);
    this.#start();
    this.#lifecycle.asked = wanted;
    this.#scaler.applyLimit();
    this.#lifecycle.fill(this.#settings.clock.now());
    await this.#whenOpen(wanted);
  }

  /**
   * For factories that can ask their server how many connections it has room for; called on each connection that is open
   * but handed to nobody yet. `read` is called when the pool wants to know (beyond 10 connections, every 5 minutes at most:
   * `tuning.serverLimitsFrom`, `serverLimitsMs`); what it resolves to lowers the ceiling, `undefined` means it cannot be told.
   *
   * @returns undefined when the pool does not want to know; else to be awaited before the connection is handed out.
   */
  learnCapacity(read: () => Promise<ServerCapacity | undefined>): Promise<void> | undefined {
    return this.#scaler.learnCapacity(read);
  }

  evictIdle(): number {
    const from = this.#lifecycle.standing;
    const closed = this.#lifecycle.evict(
      from,
      this.#scaler.floor,
      'evicted',
      Number.POSITIVE_INFINITY,
    );
    if (closed > 0) this.#decisions.record('idle', from, from - closed, { evicted: closed });
    return closed;
  }

  /** The error for work of an owner that has waited in a queue of its own for as long as an acquire may. */
  timeoutError(waitedMs: number): Error {
    const now = this.#settings.clock.now();
    const { acquireTimeoutMs: timeoutMs } = this.#settings;
    return this.#timedOut({ since: now - waitedMs, timeoutMs, ownTimeout: false }, now);
  }

  /** The error for what such a queue has no room for. */
  queueFullError(): Error {
    const now = this.#settings.clock.now();
    return new PoolQueueFullError(this.#settings.maxWaiting, this.#situation(now));
  }

  reclaim(leaseId: number, reason: string): boolean {
    const reclaimed = this.pool.reclaim(leaseId);
    if (reclaimed) this.pool.observers.tell('reclaimed', { leaseId, reason });
    return reclaimed;
  }

  /** Hands nothing out until {@link resume}: acquires wait, leases go on. For a switchover or a maintenance. */
  suspend(): void {
    this.pool.suspend();
  }

  resume(): void {
    this.pool.resume();
  }

  /**
   * For who builds on the manager and has connections of his own to the same server: one of them was opened, in this time (ms).
   * It counts for the pool's {@link state} as one of its own.
   */
  heardOfServer(tookMs: number): void {
    if (this.state === 'ready' || this.pool.ending) return;
    const now = this.#settings.clock.now();
    this.#recovery.succeeded(tookMs, now);
    this.#lifecycle.fill(now);
    this.pool.pulse();
  }

  /** The same for one that failed, begun at this time of the pool's clock. */
  missedServer(error: unknown, startedAt: number): void {
    if (this.pool.ending) return;
    const now = this.#settings.clock.now();
    this.#recovery.failed(this.#classify(error), error, startedAt, now);
  }

  /**
   * Closes the pool: acquires that wait are refused at once, idle connections closed, leased ones closed when they come
   * back, and after `graceMs` (default `endGraceMs`) under their holders. Resolves when all are closed. The second call
   * returns the same promise.
   */
  end(options?: { readonly graceMs?: number | undefined }): Promise<void> {
    const graceMs = options?.graceMs ?? this.#settings.endGraceMs;
    if (this.pool.ending && options?.graceMs === undefined)
      return this.pool.end(Number.POSITIVE_INFINITY);
    try {
      checkDuration('graceMs', graceMs);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#lifecycle.stop();
    this.#scaler.stop();
    this.#health.stop();
    this.#decisions.flush();
    const ended = this.pool.end(graceMs);
    this.#tellState();
    this.#settleAwaited(true);
    void ended.then(() => this.#tellState());
    return ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  // What the mechanism asks.

  #governor(): Governor<C> {
    return {
      wantsConnect: (now) => this.#wantsConnect(now),
      stirred: (now) => {
        this.#start();
        this.#scaler.stir(now);
      },
      connected: (entry, tookMs, now) => this.#connected(entry, tookMs, now),
      connectFailed: (error, startedAt, now) => this.#connectFailed(error, startedAt, now),
      connectError: (error) => this.#connectError(error),
      mayRetire: (_entry, _reason, now) => this.#lifecycle.mayRetire(now),
      refuse: (now) => this.#refuse(now),
      timedOut: (waiter, now) => this.#timedOut(waiter, now),
      destroyed: (_entry, _reason, now) => this.#lifecycle.fill(now),
    };
  }

  #wantsConnect(now: number): boolean {
    const { pool } = this;
    const { meter } = pool;
    this.#scaler.stir(now);
    if (!this.#recovery.allows(pool.connecting, now)) {
      const retryMs = this.#recovery.retryIn(now);
      if (retryMs > 0) pool.recheckIn(retryMs);
      return false;
    }
    const { tuning } = this.#settings;
    const since = pool.oldestWaiter?.since ?? now;
    const wanted = connectsDemanded(
      {
        waiting: pool.waiting,
        connecting: pool.connecting,
        working: pool.leased + pool.resetting + pool.probing,
        holdMs: meter.holdMs,
        connectMs: meter.connectMs,
        oldestWaitMs: now - since,
        silentMs: now - Math.max(since, meter.lastReleaseAt),
      },
      tuning,
    );
    if (pool.connecting < wanted) {
      this.#grew('waiters', this.#lifecycle.standing + 1);
      return true;
    }
    pool.recheckIn(tuning.waitTargetMs);
    return false;
  }

  /** A prober is no growth: ten minutes of them would push everything else out of the log. */
  #grew(reason: ScalingReason, to: number): void {
    if (this.#recovery.state === 'down') return;
    this.#decisions.grew(
      reason,
      to,
      reason === 'utilization-high' ? this.#utilization : this.#load,
    );
  }

  #connected(entry: Entry<C>, tookMs: number, now: number): void {
    this.#recovery.succeeded(tookMs, now);
    this.#lifecycle.connected(entry, now);
    this.#scaler.stir(now);
    this.#lifecycle.fill(now);
    this.#settleAwaited(false);
  }

  #connectFailed(error: unknown, startedAt: number, now: number): ConnectFailureVerdict {
    const kind = this.#classify(error);
    this.#recovery.failed(kind, error, startedAt, now);
    this.#lifecycle.connectFailed(now);
    if (kind === 'server-limit') this.#scaler.refusedByServer(now);
    this.#lifecycle.fill(now);
    this.#settleAwaited(true);
    if (kind === 'unrelated') return 'reject-one';
    // Connections there are will come back; only who has none to wait for is told.
    if (kind === 'fatal') return this.#usable > 0 ? 'wait' : 'reject-all';
    if (this.#settings.whileDown === 'wait') return 'wait';
    return this.#recovery.state === 'down' ? 'reject-all' : 'reject-one';
  }

  #classify(error: unknown): ConnectErrorKind {
    // The pool's own verdicts on an attempt: the factory knows nothing of them.
    if (error instanceof ConnectTimeoutError || error instanceof ConnectionLostError) {
      return 'retryable';
    }
    try {
      return this.#settings.factory.classify?.(error) ?? 'retryable';
    } catch {
      return 'retryable';
    }
  }

  #connectError(error: unknown): Error {
    if (!this.#settings.wrapConnectErrors && error instanceof Error) return error;
    return new ConnectFailedError(this.name, error);
  }

  #refuse(now: number): Error | undefined {
    this.#start();
    const { pool } = this;
    const { maxWaiting } = this.#settings;
    if (pool.room === 0) this.#scaler.makeRoom(now);
    // A busy pool without a bound: nothing to decide.
    if (pool.leased > 0 && maxWaiting === Number.POSITIVE_INFINITY) return undefined;
    if (this.#usable === 0 && pool.connecting === 0) {
      const fatal = this.#recovery.freshFatal(now);
      if (fatal !== undefined) return this.#connectError(fatal);
    }
    const { idle, waiting, connecting, room } = pool;
    if (admit({ idle, waiting, connecting, room, maxWaiting }) !== 'reject') return undefined;
    return new PoolQueueFullError(maxWaiting, this.#situation(now));
  }

  #timedOut(waiter: Pick<Waiter<C>, 'since' | 'timeoutMs' | 'ownTimeout'>, now: number): Error {
    return new AcquireTimeoutError(
      {
        waitedMs: now - waiter.since,
        timeoutMs: waiter.timeoutMs,
        deadline: waiter.ownTimeout ? 'timeoutMs' : 'acquireTimeoutMs',
        situation: this.#situation(now),
      },
      this.#recovery.lastError,
    );
  }

  // Inside.

  #start(): void {
    if (this.#started || this.pool.ending) return;
    this.#started = true;
    this.#lifecycle.start();
    this.#scaler.start();
    this.#health.start();
  }

  #ticked(now: number): void {
    this.#recovery.tick(now);
    this.#lifecycle.fill(now);
    // Nothing can be lost between the mechanism's own calls; this is for what a defect would lose.
    if (this.pool.waiting > 0) this.pool.pulse();
  }

  #whenOpen(size: number): Promise<void> {
    if (this.#usable >= size) return Promise.resolve();
    return new Promise((resolve) => {
      this.#awaited.push({ size, resolve });
    });
  }

  /** @param giveUp when nothing is in flight, who waits has waited for what did not come. */
  #settleAwaited(giveUp: boolean): void {
    if (this.#awaited.length === 0) return;
    const open = this.#lifecycle.standing - this.pool.connecting;
    const over = giveUp && this.pool.connecting === 0;
    const awaited = this.#awaited;
    this.#awaited = awaited.filter(({ size }) => !over && open < size);
    for (const { size, resolve } of awaited) if (over || open >= size) resolve();
  }

  #tellState(): void {
    const from = this.#toldState;
    const to = this.state;
    if (from === to) return;
    this.#toldState = to;
    this.pool.observers.tell('stateChanged', { from, to });
    if (to === 'down') {
      const { standing } = this.#lifecycle;
      this.#decisions.record('outage', standing, standing, { waiting: this.pool.waiting });
    }
  }

  readonly #load = (): Record<string, number> => {
    const { waiting, leased, meter } = this.pool;
    const inputs: Record<string, number> = { waiting, leased };
    if (meter.holdMs !== undefined) inputs['holdMs'] = meter.holdMs;
    if (meter.connectMs !== undefined) inputs['connectMs'] = meter.connectMs;
    return inputs;
  };

  readonly #utilization = (): Record<string, number> => ({
    ...this.#scaler.utilization,
    ...this.#load(),
  });

  get #usable(): number {
    const { leased, idle, resetting, probing } = this.pool;
    return leased + idle + resetting + probing;
  }

  #situation(now: number): PoolSituation {
    const { pool } = this;
    const ceilingReason = this.#scaler.ceilingReason;
    const downForMs = this.#recovery.downForMs(now);
    const longestHeld = longestHeldOf(pool.entries(), now);
    return {
      name: this.name,
      state: this.state,
      size: pool.size,
      idle: pool.idle,
      leased: pool.leased,
      connecting: pool.connecting,
      waiting: pool.waiting,
      max: this.#scaler.max,
      ceiling: pool.limit,
      ...(ceilingReason === undefined ? {} : { ceilingReason }),
      ...(downForMs === undefined ? {} : { downForMs }),
      ...(longestHeld === undefined ? {} : { longestHeld }),
    };
  }
}
