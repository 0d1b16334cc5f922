/**
 * Measures load, and moves the pool's size and ceiling by what the policies say.
 *
 * @module
 */
import { areThinking, forThinkers, nextCeiling } from './_ceiling_limit.ts';
import { type CeilingState, type CeilingTuning, initialCeiling } from './_ceiling_state.ts';
import { SoonestTimer } from './_deadline.ts';
import type { Decisions } from './_decisions.ts';
import type { LifecycleManager } from './_lifecycle_manager.ts';
import { LoopMonitor } from './_loop_monitor.ts';
import { connectionsToClose, type LoadTick, sizeForGrowth } from './_scaling_policy.ts';
import { ServerCeiling } from './_server_ceiling.ts';
import type { Settings } from './_settings.ts';
import type { ServerCapacity } from './contract.ts';
import type { ResourcePool } from './resource_pool.ts';

/** Leased connections asked whether they work, per window: enough for a share, and bounded. */
const BUSY_SAMPLE = 64;

/** Between two looks at whether callers think, and how long a lease is too young to be looked at, ms. */
const LOOK_EVERY_MS = 5;

/** A reading of the running sums, to take differences from. */
interface Reading {
  readonly at: number;
  readonly leasedMs: number;
  readonly releases: number;
  readonly heldMs: number;
}

/** What the scaler tells the manager. */
export interface ScalerHost {
  /** Called at each tick, after the scaler has done its part. */
  ticked(now: number): void;
}

/**
 * One tick a second, four while acquires wait, none while nothing is above the floor and nobody uses the pool: an idle pool
 * costs no timer.
 */
export class Scaler<C> {
  readonly #pool: ResourcePool<C>;
  readonly #settings: Settings<C>;
  readonly #lifecycle: LifecycleManager<C>;
  readonly #decisions: Decisions;
  readonly #host: ScalerHost;
  readonly #timer: SoonestTimer;
  readonly #loop: LoopMonitor;
  readonly #ceilingTuning: CeilingTuning;
  #running = false;
  /** Whether somebody waited when the window began, or a moment later. */
  #busy = false;
  /** Between two looks while nobody waits, ms. */
  readonly #calmTickMs: number;

  #window: Reading;
  #tick: Reading;
  #ticks: LoadTick[] = [];
  #ceiling: CeilingState;
  readonly #server: ServerCeiling;
  #lookAgainAt = 0;
  #grewAt: number = Number.NEGATIVE_INFINITY;
  #sizeBefore = 0;
  max: number;
  floor: number;

  constructor(
    pool: ResourcePool<C>,
    settings: Settings<C>,
    lifecycle: LifecycleManager<C>,
    decisions: Decisions,
    host: ScalerHost,
  ) {
    this.#pool = pool;
    this.#settings = settings;
    this.#lifecycle = lifecycle;
    this.#decisions = decisions;
    this.#host = host;
    this.#loop = new LoopMonitor(settings.clock);
    const { tickMs } = settings.tuning;
    // An idle connection must be seen before its time is up, or it could not be closed in time.
    this.#calmTickMs = settings.exactIdleTimeout
      ? Math.min(tickMs, settings.idleTimeoutMs)
      : tickMs;
    this.max = settings.maxConnections;
    this.floor = settings.idleFloor;
    this.#ceilingTuning = { ...settings.tuning, scalingThreshold: settings.scalingThreshold };
    this.#ceiling = initialCeiling(this.#ceilingTuning);
    this.#server = new ServerCeiling(settings.tuning);
    this.#window = this.#read(settings.clock.now());
    this.#tick = this.#window;
    this.#timer = new SoonestTimer(settings.clock, (lateMs) => this.#onTimer(lateMs));
  }

  start(): void {
    this.#running = true;
    this.stir(this.#settings.clock.now());
  }

  stop(): void {
    this.#running = false;
    this.#timer.cancel();
  }

  /** Somebody waits or came: look soon. Cheap where a look is due soon anyway. */
  stir(now: number): void {
    if (!this.#running) return;
    const busy = this.#pool.waiting > 0;
    if (busy && !this.#busy) {
      // What happened until now belongs to another window: in it, nobody waited.
      this.#busy = true;
      this.#judgeCeiling(now, 0, 0);
    }
    this.#timer.arm(now + (busy ? this.#settings.tuning.busyTickMs : this.#calmTickMs), now);
  }

  /** Why the pool may not have more connections than it may, in words; undefined while it may have all. */
  get ceilingReason(): string | undefined {
    const { limit } = this.#pool;
    if (limit >= this.max) return undefined;
    if (limit >= this.#server.cap) {
      return this.#server.refuses ? 'the server had no room for more' : this.#server.describe();
    }
    if (this.#ceiling.loopHeld) return "this process's event loop is saturated";
    if (this.#ceiling.phase === 'trial') return 'throughput fell as it grew';
    if (this.#ceiling.phase === 'held') return 'the last growth bought little throughput';
    return 'growth goes in steps, each judged by what it bought';
  }

  /** The server refused a connect for want of room. */
  refusedByServer(now: number): void {
    const { waiting, connecting, limit } = this.#pool;
    const open = this.#usable;
    // Those under way may still be let in; if they are not, each says so itself.
    this.#server.refused(open + connecting, now);
    const { cap } = this.#server;
    if (cap < limit) {
      this.#decisions.record('server-limit', limit, cap, { open, connecting, waiting });
    }
    this.applyLimit();
  }

  /** What the utilisation path went by last. */
  get utilization(): { utilization: number; threshold: number } {
    const utilization = this.#ticks.at(-1)?.utilization ?? 0;
    return { utilization, threshold: this.#settings.scalingThreshold };
  }

  /** What the server allows, in words, where it has said so. */
  get serverAllows(): string | undefined {
    return this.#server.describe();
  }

  /**
   * Has `read` ask the server how much room it has, where this pool has grown to a size at which that matters. Asked on a
   * connection that nobody has yet: no user's statement waits behind it.
   */
  learnCapacity(read: () => Promise<ServerCapacity | undefined>): Promise<void> | undefined {
    const { adaptiveCeiling, clock } = this.#settings;
    if (!adaptiveCeiling || !this.#server.wantsCapacity(this.#pool.size, clock.now())) return;
    this.#server.asking(clock.now());
    return read().then((capacity) => this.#learned(capacity));
  }

  #learned(capacity: ServerCapacity | undefined): void {
    const before = Math.min(this.max, this.#server.cap);
    this.#server.learn(capacity);
    const after = Math.min(this.max, this.#server.cap);
    if (after !== before) {
      this.#decisions.record('server-capacity', before, after, { ...capacity });
    }
    this.applyLimit();
  }

  /**
   * An acquire has to wait as the pool may not grow: if the connections are held but not working, it may. Looked at here and
   * not only once a window, or a wave of callers that think would wait for the next window at each step.
   */
  makeRoom(now: number): void {
    const { limit, waiting } = this.#pool;
    if (!this.#settings.adaptiveCeiling || limit >= this.max || now < this.#lookAgainAt) return;
    this.#lookAgainAt = now + LOOK_EVERY_MS;
    if (!areThinking(this.#busyShare(now, this.#loop.utilization), this.#ceilingTuning)) return;
    this.#ceiling = forThinkers(this.#ceiling, { size: this.#usable }, this.#ceilingTuning);
    this.applyLimit();
    if (this.#pool.limit > limit) {
      this.#decisions.record('ceiling-probe', limit, this.#pool.limit, {
        waiting: waiting + 1,
        thinking: 1,
      });
    }
  }

  /** Bounds or the ceiling have changed: tell the mechanism. */
  applyLimit(): void {
    const { min, asked, standing } = this.#lifecycle;
    const ceiling = this.#settings.adaptiveCeiling ? this.#ceiling : undefined;
    // A step bounds growth; only a ceiling takes away.
    const adaptive =
      ceiling === undefined
        ? this.max
        : Math.min(ceiling.ceiling, Math.max(ceiling.step, standing));
    const own = Math.min(this.max, Math.max(adaptive, min, asked));
    const limit = Math.max(1, Math.min(own, this.#server.cap));
    if (limit !== this.#pool.limit) this.#pool.setLimit(limit);
  }

  #onTimer(lateMs: number): void {
    if (!this.#running) return;
    const now = this.#settings.clock.now();
    const { tickMs } = this.#settings.tuning;
    this.#decisions.flush();
    const { size } = this.#pool;
    if (size > this.#sizeBefore) this.#grewAt = now;
    this.#sizeBefore = size;
    this.#judgeCeiling(now, lateMs, this.#pool.waiting);
    this.#busy = this.#pool.waiting > 0;
    if (now - this.#tick.at >= tickMs - 1) this.#applyThresholds(now);
    if (this.#pool.waiting > 0) this.#server.press(this.max, now);
    this.applyLimit();
    this.#host.ticked(now);
    // Nothing above the floor, nothing out: nothing can happen that does not stir.
    const { leased, waiting, idle } = this.#pool;
    const quiet = leased === 0 && waiting === 0 && idle <= this.floor && this.#settled;
    if (!quiet) this.stir(now);
    this.#evictOnTime(now);
  }

  /** Carries out exact idle timeouts, and wakes for the next. */
  #evictOnTime(now: number): void {
    const { exactIdleTimeout, idleTimeoutMs } = this.#settings;
    if (!exactIdleTimeout || idleTimeoutMs === Number.POSITIVE_INFINITY) return;
    const { standing } = this.#lifecycle;
    const before = now - idleTimeoutMs;
    const closed = this.#lifecycle.evict(standing, this.floor, 'idle-timeout', before);
    if (closed > 0) this.#decisions.record('idle', standing, standing - closed, { idleTimeoutMs });
    this.#watchIdle(now);
  }

  #watchIdle(now: number): void {
    const { exactIdleTimeout, idleTimeoutMs } = this.#settings;
    if (!exactIdleTimeout || !this.#running || this.#lifecycle.standing <= this.floor) return;
    for (const { idleSince } of this.#pool.idleEntries()) {
      this.#timer.arm(Math.max(idleSince + idleTimeoutMs, now), now);
      return;
    }
  }

  /** Whether the last ticks saw no load: the window of the thresholds is all zeros, and may stand still. */
  get #settled(): boolean {
    const last = this.#ticks.at(-1);
    return last !== undefined && last.leased === 0;
  }

  #judgeCeiling(now: number, lateMs: number, waiting: number): void {
    if (!this.#settings.adaptiveCeiling) return;
    const before = this.#window;
    const reading = this.#read(now);
    const ms = reading.at - before.at;
    if (ms <= 0 || (waiting > 0 && ms < this.#settings.tuning.busyTickMs - 1)) return;
    this.#window = reading;
    const { tuning } = this.#settings;
    const loop = this.#loop.read(lateMs);
    const leasedMs = reading.leasedMs - before.leasedMs;
    const usable = this.#usable;
    const { state, change } = nextCeiling(
      this.#ceiling,
      {
        now,
        ms,
        leasedMs,
        completions: reading.releases - before.releases,
        heldMs: reading.heldMs - before.heldMs,
        size: usable,
        waiting,
        utilization: usable === 0 ? 0 : leasedMs / ms / usable,
        busyShare: waiting > 0 ? this.#busyShare(now, loop.utilization) : undefined,
        loopSaturated:
          loop.lateMs > tuning.loopDelayMs && loop.utilization > tuning.loopUtilization,
        min: this.#lifecycle.min,
        max: this.max,
      },
      this.#ceilingTuning,
    );
    this.#ceiling = state;
    if (change !== undefined) {
      this.#decisions.record(change.reason, change.from, change.to, change.inputs);
    }
  }

  #applyThresholds(now: number): void {
    const before = this.#tick;
    const reading = this.#read(now);
    this.#tick = reading;
    const pool = this.#pool;
    const { tuning, scalingThreshold, scaleDownThreshold, idleTimeoutMs, exactIdleTimeout } =
      this.#settings;
    const leased = (reading.leasedMs - before.leasedMs) / (reading.at - before.at);
    const usable = this.#usable;
    const utilization = usable === 0 ? 0 : Math.min(1, leased / usable);
    this.#ticks.push({ utilization, leased, idle: pool.idle });
    if (this.#ticks.length > 2 * tuning.shrinkWindowTicks) {
      this.#ticks = this.#ticks.slice(-tuning.shrinkWindowTicks);
    }
    const wanted = sizeForGrowth(this.#ticks, usable, { ...tuning, scalingThreshold });
    const allowed = Math.min(wanted ?? 0, pool.limit);
    this.#lifecycle.target = allowed > usable ? allowed : 0;
    if (idleTimeoutMs === Number.POSITIVE_INFINITY || exactIdleTimeout) return;
    const shrink = connectionsToClose(
      {
        ticks: this.#ticks,
        size: this.#lifecycle.standing,
        min: this.floor,
        idleTooLong: this.#idleSince(now - idleTimeoutMs),
        sinceGrowthMs: now - this.#grewAt,
      },
      { ...tuning, scaleDownThreshold },
    );
    if (shrink === undefined) return;
    const from = this.#lifecycle.standing;
    const closed = this.#lifecycle.evict(
      shrink.close,
      this.floor,
      'idle-timeout',
      now - idleTimeoutMs,
    );
    if (closed > 0) {
      const inputs = { utilization, leased, threshold: scaleDownThreshold };
      this.#decisions.record(shrink.reason, from, from - closed, inputs);
    }
  }

  /** How many have been idle since before `at`. The stack is in that order, so only those are looked at. */
  #idleSince(at: number): number {
    let count = 0;
    for (const entry of this.#pool.idleEntries()) {
      if (entry.idleSince > at) break;
      count++;
    }
    return count;
  }

  get #usable(): number {
    const { leased, idle, resetting, probing } = this.#pool;
    return leased + idle + resetting + probing;
  }

  /**
   * A process without time of its own sees nothing: its connections have answered, and their callers have not run yet. Taken
   * for think time, that would double the size again and again, and each connect takes more of the time that is missing.
   */
  #busyShare(now: number, loopUtilization: number): number | undefined {
    const { factory, tuning } = this.#settings;
    if (factory.isBusy === undefined || loopUtilization > tuning.loopUtilization) return undefined;
    let asked = 0;
    let busy = 0;
    for (const entry of this.#pool.entries()) {
      // Whoever has just got one has not had the time to use it.
      if (entry.state !== 'leased' || now - entry.leasedAt < LOOK_EVERY_MS) continue;
      asked++;
      try {
        if (factory.isBusy(entry.connection as C)) busy++;
      } catch {
        // Nobody is on the stack whom it could tell.
        return undefined;
      }
      if (asked === BUSY_SAMPLE) break;
    }
    return asked === 0 ? undefined : busy / asked;
  }

  #read(now: number): Reading {
    const { meter } = this.#pool;
    return {
      at: now,
      leasedMs: meter.leasedMs(now),
      releases: meter.releases,
      heldMs: meter.use.sum,
    };
  }
}
