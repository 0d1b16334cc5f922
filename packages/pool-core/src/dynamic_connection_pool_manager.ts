/**
 * A pool that sizes itself, heals itself and explains itself.
 *
 * @module
 */
import { ACQUIRE } from './_acquire_options.ts';
import { infoOf } from './_connection_info.ts';
import { ControlPlane } from './_control_plane.ts';
import { explain } from './_explain.ts';
import { LeaseWaiter } from './_lease_waiter.ts';
import { MetricsSampler } from './_metrics_sampler.ts';
import { checkAll, checkCount, checkDuration } from './_option_checks.ts';
import { readBounds, readOptions } from './_settings.ts';
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
  ServerCapacity,
} from './contract.ts';
import { AcquireAbortedError, PoolClosedError, PoolQueueFullError } from './errors.ts';
import { Lease } from './lease.ts';
import type { DynamicConnectionPoolManagerOptions } from './options.ts';
import type { ResourcePool } from './resource_pool.ts';

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

/**
 * Manages connections of any kind: opens them as load needs them and as the server can bear it, keeps a minimum warm, checks
 * idle ones in the background, replaces old ones, survives outages, and says what it did and why.
 *
 * The mechanism below it is {@link ResourcePool}. What decides is in `_control_plane.ts`: it owns the clock and the workers, asks
 * the policies, and records every decision.
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
  readonly #control: ControlPlane<C>;
  readonly #metrics: MetricsSampler;

  /** @throws InvalidOptionError */
  constructor(options: DynamicConnectionPoolManagerOptions<C>) {
    const settings = readOptions(options);
    this.#control = new ControlPlane(settings);
    this.pool = this.#control.pool;
    this.#metrics = new MetricsSampler(settings.clock, this.pool.meter);
  }

  /** What the pool is called in errors and events. */
  get name(): string {
    return this.pool.name;
  }

  /**
   * Opens the minimum and starts the background workers. Resolves when the minimum is open, or when that has failed for
   * now (it goes on in the background). Never needed: the first acquire starts them as well.
   *
   * @throws PoolClosedError
   */
  async start(): Promise<void> {
    if (this.pool.ending) throw new PoolClosedError(this.name, 'start the pool');
    const control = this.#control;
    control.start();
    await control.whenOpen(control.lifecycle.min);
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
      if (options !== undefined) checkAll(options, ACQUIRE, '');
      if (signal?.aborted) throw new AcquireAbortedError(0, signal.reason);
      const { pool } = this;
      leaseId = pool.beginAcquire(options?.label, entryPoint);
      const entry = pool.tryAcquire(options?.label, leaseId, entryPoint);
      if (entry !== undefined) {
        const lease = new Lease(pool, entry);
        if (pool.observers.hearsLeases) pool.announce(entry, 0, lease);
        return Promise.resolve(lease);
      }
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
    return this.#metrics.sample({ leased, idle, size, usable: this.#control.lifecycle.usable });
  }

  stats(): PoolStats {
    const { pool } = this;
    const { meter } = pool;
    const { settings, decisions, lifecycle, ceiling } = this.#control;
    const oldest = pool.oldestWaiter;
    decisions.flush();
    return {
      at: settings.clock.wallNow(),
      state: this.state,
      size: pool.size,
      ...pool.counts(),
      waiting: pool.waiting,
      oldestWaitMs: oldest === undefined ? 0 : settings.clock.now() - oldest.since,
      min: lifecycle.min,
      max: ceiling.max,
      ceiling: pool.limit,
      acquires: meter.acquires,
      releases: meter.releases,
      acquireTimeouts: meter.acquireTimeouts,
      acquireAborts: meter.acquireAborts,
      acquireRejections: meter.acquireRejections,
      created: meter.created,
      createFailures: meter.createFailures,
      destroyed: { ...meter.destroyed },
      scaleUps: decisions.ups,
      scaleDowns: decisions.downs,
      wait: meter.wait.summary(),
      use: meter.use.summary(),
      create: meter.create.summary(),
    };
  }

  /** How the pool stands and what it decided last, in words for a person on call. */
  explain(): string {
    const { settings, decisions, recovery, ceiling } = this.#control;
    return explain({
      situation: this.#control.situation(settings.clock.now()),
      stats: this.stats(),
      decisions: decisions.list(),
      lastConnectError: recovery.lastError,
      serverAllows: ceiling.serverAllows,
      connectLimit: recovery.connectLimit,
    });
  }

  /** Every connection, the oldest first. O(n). */
  connections(): ConnectionInfo[] {
    const now = this.pool.clock.now();
    return Array.from(this.pool.entries(), (entry) => infoOf(entry, now));
  }

  /** The last decisions about the size (1 000 by default), the oldest first. */
  scalingEvents(): readonly ScalingEvent[] {
    return this.#control.decisions.list();
  }

  get state(): PoolState {
    return this.#control.state;
  }

  observe(observer: PoolObserver): () => void {
    return this.pool.observers.add(observer);
  }

  /** One fact of {@link PoolObserver}. @returns how to stop listening. */
  on<F extends Exclude<keyof PoolObserver, 'tracksLeases'>>(
    fact: F,
    listener: NonNullable<PoolObserver[F]>,
  ): () => void {
    return this.pool.observers.on(fact, listener);
  }

  resize(bounds: { readonly min?: number; readonly max?: number }): void {
    const { ceiling, lifecycle, thresholds, decisions } = this.#control;
    const from = ceiling.max;
    const { min, max } = readBounds(bounds, { min: lifecycle.min, max: from });
    lifecycle.min = min;
    ceiling.max = max;
    thresholds.floor = Math.min(bounds.min ?? thresholds.floor, max);
    decisions.record('resize', from, max, { min, max });
    this.#control.rebound();
  }

  /**
   * Opens connections until there are `size`, ahead of a load that is known to come. They stay until they have been idle
   * for too long. Resolves when they are open, when the server has no room for more, or when opening has failed.
   *
   * @throws InvalidOptionError when `size` is not a whole number; more than `maxConnections` is taken as that.
   */
  async warm(size: number): Promise<void> {
    checkCount('size', size);
    if (this.pool.ending) throw new PoolClosedError(this.name, 'warm the pool');
    const control = this.#control;
    const wanted = Math.min(size, control.ceiling.max);
    control.start();
    control.lifecycle.asked = Math.max(control.lifecycle.asked, wanted);
    control.rebound();
    await control.whenOpen(wanted);
  }

  /**
   * For factories that can ask their server how many connections it has room for; called on each connection that is open
   * but handed to nobody yet. `read` is called when the pool wants to know (beyond 10 connections, every 5 minutes at most:
   * `tuning.serverLimitsFrom`, `serverLimitsMs`); what it resolves to lowers the ceiling, `undefined` means it cannot be told.
   *
   * @returns undefined when the pool does not want to know; else to be awaited before the connection is handed out.
   */
  learnCapacity(read: () => Promise<ServerCapacity | undefined>): Promise<void> | undefined {
    return this.#control.ceiling.learnCapacity(read);
  }

  evictIdle(): number {
    const { lifecycle, thresholds, decisions } = this.#control;
    const from = lifecycle.standing;
    const closed = lifecycle.evict(from, thresholds.floor, 'evicted', Number.POSITIVE_INFINITY);
    if (closed > 0) decisions.record('idle', from, from - closed, { evicted: closed });
    return closed;
  }

  /** The error for work of an owner that has waited in a queue of its own for as long as an acquire may. */
  timeoutError(waitedMs: number): Error {
    const now = this.pool.clock.now();
    const { acquireTimeoutMs: timeoutMs } = this.#control.settings;
    return this.#control.timedOut({ since: now - waitedMs, timeoutMs, ownTimeout: false }, now);
  }

  /** The error for what such a queue has no room for. */
  queueFullError(): Error {
    const { settings } = this.#control;
    const situation = this.#control.situation(settings.clock.now());
    return new PoolQueueFullError(settings.maxWaiting, situation);
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
    const { recovery, lifecycle } = this.#control;
    const now = this.pool.clock.now();
    recovery.succeeded(tookMs, now);
    lifecycle.fill(now);
    this.pool.pulse();
  }

  /** The same for one that failed, begun at this time of the pool's clock. */
  missedServer(error: unknown, startedAt: number): void {
    if (this.pool.ending) return;
    const control = this.#control;
    control.recovery.failed(control.classify(error), error, startedAt, this.pool.clock.now());
  }

  /**
   * Closes the pool: acquires that wait are refused at once, idle connections closed, leased ones closed when they come
   * back, and after `graceMs` (default `endGraceMs`) under their holders. Resolves when all are closed. The second call
   * returns the same promise.
   */
  end(options?: { readonly graceMs?: number | undefined }): Promise<void> {
    const graceMs = options?.graceMs ?? this.#control.settings.endGraceMs;
    if (this.pool.ending && options?.graceMs === undefined)
      return this.pool.end(Number.POSITIVE_INFINITY);
    try {
      checkDuration('graceMs', graceMs);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#control.end(graceMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}
