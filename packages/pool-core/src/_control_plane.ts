/**
 * Decides for a pool: how many connections it has, when one is opened, and what a failed connect means for those who wait.
 *
 * @module
 */
import { admit } from './_admission_policy.ts';
import { AwaitedSizes } from './_awaited_sizes.ts';
import { Ceiling } from './_ceiling.ts';
import { longestHeldOf } from './_connection_info.ts';
import { Decisions } from './_decisions.ts';
import type { Entry } from './_entry.ts';
import { HealthMonitor } from './_health_monitor.ts';
import { LifecycleManager } from './_lifecycle_manager.ts';
import { Recovery } from './_recovery.ts';
import { Scaler } from './_scaler.ts';
import { connectsDemanded } from './_scaling_policy.ts';
import type { Settings } from './_settings.ts';
import { Thresholds } from './_thresholds.ts';
import type { ConnectErrorKind } from './connection_factory.ts';
import type { PoolState, ScalingReason } from './contract.ts';
import {
  AcquireTimeoutError,
  ConnectFailedError,
  ConnectionLostError,
  ConnectTimeoutError,
  PoolQueueFullError,
  type PoolSituation,
} from './errors.ts';
import type { ConnectFailureVerdict, Governor } from './governor.ts';
import { ResourcePool } from './resource_pool.ts';
import type { Waiter } from './waiter.ts';

/**
 * The {@link Governor} of a mechanism, and the workers beside it. It owns the clock, asks the policies, acts by the public calls
 * of the mechanism, and records each decision.
 */
export class ControlPlane<C> implements Governor<C> {
  readonly pool: ResourcePool<C>;
  readonly settings: Settings<C>;
  readonly decisions: Decisions;
  readonly recovery: Recovery;
  readonly lifecycle: LifecycleManager<C>;
  readonly ceiling: Ceiling<C>;
  readonly thresholds: Thresholds<C>;
  readonly #scaler: Scaler<C>;
  readonly #health: HealthMonitor<C>;
  readonly #awaited = new AwaitedSizes();
  #started = false;
  #toldState: PoolState = 'ready';

  constructor(settings: Settings<C>) {
    const { clock, tuning } = settings;
    this.settings = settings;
    const pool = new ResourcePool<C>({
      name: settings.name,
      factory: settings.factory,
      clock,
      governor: this,
      limit: settings.maxConnections,
      acquireTimeoutMs: settings.acquireTimeoutMs,
      connectTimeoutMs: settings.connectTimeoutMs,
      resetTimeoutMs: settings.resetTimeoutMs,
      closeTimeoutMs: settings.closeTimeoutMs,
      acquireStackEveryMs: settings.acquireStackEveryMs,
      maxUses: settings.maxUses,
      meanWeight: tuning.meanWeight,
    });
    const decisions = new Decisions(tuning.eventsKept, clock, pool.observers);
    this.recovery = new Recovery(settings, () => this.#tellState());
    const lifecycle = new LifecycleManager(pool, settings, {
      mayConnect: (now) => this.recovery.allows(pool.connecting, now),
      retryIn: (now) => this.recovery.retryIn(now),
      grew: (reason) => this.#grew(reason, lifecycle.standing),
    });
    this.pool = pool;
    this.decisions = decisions;
    this.lifecycle = lifecycle;
    this.ceiling = new Ceiling(pool, settings, lifecycle, decisions);
    this.thresholds = new Thresholds(pool, settings, lifecycle, decisions);
    this.#scaler = new Scaler({
      pool,
      settings,
      decisions,
      ceiling: this.ceiling,
      thresholds: this.thresholds,
      ticked: (now) => this.#ticked(now),
    });
    this.#health = new HealthMonitor(pool, settings);
    this.ceiling.follow();
  }

  get state(): PoolState {
    if (this.pool.ended) return 'closed';
    return this.pool.ending ? 'closing' : this.recovery.state;
  }

  /** Starts the workers. Harmless the second time. */
  start(): void {
    if (this.#started || this.pool.ending) return;
    this.#started = true;
    this.lifecycle.start();
    this.#scaler.start();
    this.#health.start();
  }

  end(graceMs: number): Promise<void> {
    this.lifecycle.stop();
    this.#scaler.stop();
    this.#health.stop();
    this.decisions.flush();
    this.decisions.settle();
    const ended = this.pool.end(graceMs);
    this.#tellState();
    this.#awaited.settle(0, true);
    void ended.then(() => this.#tellState());
    return ended;
  }

  /** Bounds have changed. */
  rebound(): void {
    this.ceiling.apply();
    this.lifecycle.fill(this.settings.clock.now());
  }

  /** Resolves when so many are open, there is no room for more, or opening them has failed for now. */
  async whenOpen(size: number): Promise<void> {
    if (this.lifecycle.usable < size) await this.#awaited.wait(size);
  }

  // What the mechanism asks.

  /** Acquires wait and there is room: because a connect is sooner than what comes back, or as one is wanted anyway. */
  wantsConnect(now: number): boolean {
    const { pool, recovery, settings } = this;
    const { meter } = pool;
    this.#scaler.stir(now);
    if (!recovery.allows(pool.connecting, now)) {
      const retryMs = recovery.retryIn(now);
      if (retryMs > 0) pool.recheckIn(retryMs);
      return false;
    }
    const since = pool.oldestWaiter?.since ?? now;
    const demanded = connectsDemanded(
      {
        waiting: pool.waiting,
        connecting: pool.connecting,
        working: pool.leased + pool.resetting + pool.probing,
        holdMs: meter.holdMs,
        connectMs: meter.connectMs,
        oldestWaitMs: now - since,
        silentMs: now - Math.max(since, meter.lastReleaseAt),
      },
      settings.tuning,
    );
    const reason = pool.connecting < demanded ? 'waiters' : this.lifecycle.wants(now);
    if (reason !== undefined) {
      this.#grew(reason, this.lifecycle.standing + 1);
      return true;
    }
    pool.recheckIn(settings.tuning.waitTargetMs);
    return false;
  }

  stirred(now: number): void {
    this.start();
    this.#scaler.stir(now);
  }

  connected(entry: Entry<C>, tookMs: number, now: number): void {
    const { pool, lifecycle } = this;
    this.recovery.succeeded(tookMs, now);
    lifecycle.connected(entry, now);
    this.#scaler.stir(now);
    // With others in the queue the mechanism asks for them next: what they demand is not what the utilisation wants.
    if (pool.waiting <= 1) lifecycle.fill(now);
    else if (pool.room === 0) this.ceiling.makeRoom(now);
    const isAll = pool.room === 0 || lifecycle.wants(now) === undefined;
    this.#awaited.settle(lifecycle.usable, isAll && pool.connecting === 0);
  }

  connectFailed(error: unknown, startedAt: number, now: number): ConnectFailureVerdict {
    const kind = this.classify(error);
    const { lifecycle, recovery } = this;
    recovery.failed(kind, error, startedAt, now);
    lifecycle.connectFailed(now);
    if (kind === 'server-limit') this.ceiling.refusedByServer(now);
    lifecycle.fill(now);
    this.#awaited.settle(lifecycle.usable, this.pool.connecting === 0);
    if (kind === 'unrelated') return 'reject-one';
    // Connections there are will come back; only who has none to wait for is told.
    if (kind === 'fatal') return lifecycle.usable > 0 ? 'wait' : 'reject-all';
    if (this.settings.whileDown === 'wait') return 'wait';
    return recovery.state === 'down' ? 'reject-all' : 'reject-one';
  }

  classify(error: unknown): ConnectErrorKind {
    // The pool's own verdicts on an attempt: the factory knows nothing of them.
    if (error instanceof ConnectTimeoutError || error instanceof ConnectionLostError) {
      return 'retryable';
    }
    try {
      return this.settings.factory.classify?.(error) ?? 'retryable';
    } catch {
      return 'retryable';
    }
  }

  connectError(error: unknown): Error {
    const { wrapConnectErrors, name } = this.settings;
    if (!wrapConnectErrors && error instanceof Error) return error;
    return new ConnectFailedError(name, error);
  }

  /** A count of uses is exact, as in pg-pool; ages come due together, and are spread. */
  mayRetire(_entry: Entry<C>, reason: 'lifetime' | 'max-uses', now: number): boolean {
    return reason === 'max-uses' || this.lifecycle.mayRetire(now);
  }

  refuse(now: number): Error | undefined {
    this.start();
    const { pool } = this;
    const { maxWaiting } = this.settings;
    if (pool.room === 0) this.ceiling.makeRoom(now);
    // A busy pool without a bound: nothing to decide.
    if (pool.leased > 0 && maxWaiting === Number.POSITIVE_INFINITY) return undefined;
    if (this.lifecycle.usable === 0 && pool.connecting === 0) {
      const fatal = this.recovery.freshFatal(now);
      if (fatal !== undefined) return this.connectError(fatal);
    }
    const { idle, waiting, connecting, room } = pool;
    if (admit({ idle, waiting, connecting, room, maxWaiting }) !== 'reject') return undefined;
    return new PoolQueueFullError(maxWaiting, this.situation(now));
  }

  timedOut(waiter: Pick<Waiter<C>, 'since' | 'timeoutMs' | 'ownTimeout'>, now: number): Error {
    return new AcquireTimeoutError(
      {
        waitedMs: now - waiter.since,
        timeoutMs: waiter.timeoutMs,
        deadline: waiter.ownTimeout ? 'timeoutMs' : 'acquireTimeoutMs',
        situation: this.situation(now),
      },
      this.recovery.lastError,
    );
  }

  destroyed(_entry: Entry<C>, _reason: unknown, now: number): void {
    this.lifecycle.fill(now);
  }

  // Inside.

  #ticked(now: number): void {
    this.recovery.tick(now);
    this.lifecycle.fill(now);
    // Nothing can be lost between the mechanism's own calls; this is for what a defect would lose.
    if (this.pool.waiting > 0) this.pool.pulse();
  }

  /** A prober is no growth: ten minutes of them would push everything else out of the log. */
  #grew(reason: ScalingReason, to: number): void {
    if (this.recovery.state === 'down') return;
    this.decisions.grew(reason, to, () => this.#load(reason));
  }

  #load(reason: ScalingReason): Record<string, number> {
    const { waiting, leased, meter } = this.pool;
    const { holdMs, connectMs } = meter;
    return {
      ...(reason === 'utilization-high'
        ? { utilization: this.thresholds.utilization, threshold: this.settings.scalingThreshold }
        : {}),
      waiting,
      leased,
      ...(holdMs === undefined ? {} : { holdMs }),
      ...(connectMs === undefined ? {} : { connectMs }),
    };
  }

  #tellState(): void {
    const from = this.#toldState;
    const to = this.state;
    if (from === to) return;
    this.#toldState = to;
    this.pool.observers.tell('stateChanged', { from, to });
    if (to === 'down') {
      const { standing } = this.lifecycle;
      this.decisions.record('outage', standing, standing, { waiting: this.pool.waiting });
    }
  }

  /** How things stand, for errors and `explain()`. */
  situation(now: number): PoolSituation {
    const { pool } = this;
    const ceilingReason = this.ceiling.reason;
    const downForMs = this.recovery.downForMs(now);
    const longestHeld = longestHeldOf(pool.entries(), now);
    return {
      name: this.settings.name,
      state: this.state,
      size: pool.size,
      idle: pool.idle,
      leased: pool.leased,
      connecting: pool.connecting,
      waiting: pool.waiting,
      max: this.ceiling.max,
      ceiling: pool.limit,
      ...(ceilingReason === undefined ? {} : { ceilingReason }),
      ...(downForMs === undefined ? {} : { downForMs }),
      ...(longestHeld === undefined ? {} : { longestHeld }),
    };
  }
}
