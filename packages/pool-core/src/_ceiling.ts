/**
 * What a pool allows itself for now: its maximum, less what throughput, its own process and the server have no use for.
 *
 * @module
 */
import { busyShareOf } from './_busy_share.ts';
import { areThinking, forThinkers, nextCeiling, thinking } from './_ceiling_limit.ts';
import {
  type CeilingChange,
  type CeilingState,
  type CeilingTuning,
  initialCeiling,
} from './_ceiling_state.ts';
import type { Decisions } from './_decisions.ts';
import type { LifecycleManager } from './_lifecycle_manager.ts';
import { LoopMonitor } from './_loop_monitor.ts';
import type { Reading } from './_meter.ts';
import { ServerCeiling } from './_server_ceiling.ts';
import type { Settings } from './_settings.ts';
import type { ScalingReason, ServerCapacity } from './contract.ts';
import type { ResourcePool } from './resource_pool.ts';

/** To hold growth back is the point of these, whether it takes anything away or not. */
const HOLDS: ReadonlySet<ScalingReason> = new Set(['ceiling-frozen', 'event-loop-saturated']);

/** Keeps what is known, asks `_ceiling_limit.ts` what follows from each window, and tells the mechanism. */
export class Ceiling<C> {
  readonly #pool: ResourcePool<C>;
  readonly #settings: Settings<C>;
  readonly #lifecycle: LifecycleManager<C>;
  readonly #decisions: Decisions;
  readonly #tuning: CeilingTuning;
  readonly #loop: LoopMonitor;
  readonly #server: ServerCeiling;
  #state: CeilingState;
  /** Judged, and not applied yet. */
  #change: CeilingChange | undefined;
  #window: Reading;
  #lookAgainAt = 0;
  /** The most connections, whatever is found out. */
  max: number;

  constructor(
    pool: ResourcePool<C>,
    settings: Settings<C>,
    lifecycle: LifecycleManager<C>,
    decisions: Decisions,
  ) {
    this.#pool = pool;
    this.#settings = settings;
    this.#lifecycle = lifecycle;
    this.#decisions = decisions;
    this.#tuning = { ...settings.tuning, scalingThreshold: settings.scalingThreshold };
    this.#loop = new LoopMonitor(settings.clock);
    this.#server = new ServerCeiling(settings.tuning);
    this.#state = initialCeiling(this.#tuning);
    this.#window = pool.meter.read(settings.clock.now());
    this.max = settings.maxConnections;
  }

  /** Judges what happened since the last look, of which `waiting` acquires are left. */
  judge(now: number, lateMs: number, waiting: number): void {
    const { adaptiveCeiling, tuning } = this.#settings;
    if (!adaptiveCeiling) return;
    const before = this.#window;
    const reading = this.#pool.meter.read(now);
    const ms = reading.at - before.at;
    if (ms <= 0 || (waiting > 0 && ms < tuning.busyTickMs - 1)) return;
    this.#window = reading;
    const loop = this.#loop.read(lateMs);
    const leasedMs = reading.leasedMs - before.leasedMs;
    const loopBusy = loop.utilization > tuning.loopUtilization;
    const { usable, min } = this.#lifecycle;
    const { state, change } = nextCeiling(
      this.#state,
      {
        now,
        ms,
        leasedMs,
        completions: reading.releases - before.releases,
        heldMs: reading.heldMs - before.heldMs,
        size: usable,
        opened: reading.created - before.created,
        waiting,
        utilization: usable === 0 ? 0 : leasedMs / ms / usable,
        busyShare: waiting > 0 ? this.#busyShare(now, loop.utilization) : undefined,
        loopBusy,
        loopSaturated: loopBusy && loop.lateMs > tuning.loopDelayMs,
        min,
        max: this.max,
      },
      this.#tuning,
    );
    this.#state = state;
    this.#change = change ?? this.#change;
  }

  /**
   * Acquires wait as the pool may not grow: if the connections are held but not working, it may. Looked at here and not only
   * once a window, or a wave of callers that think would wait for the next window at each step.
   */
  makeRoom(now: number): void {
    const { limit, waiting } = this.#pool;
    if (!this.#settings.adaptiveCeiling || limit >= this.max || now < this.#lookAgainAt) return;
    this.#lookAgainAt = now + this.#tuning.busyLookMs;
    if (!areThinking(this.#busyShare(now, this.#loop.utilization), this.#tuning)) return;
    this.#state = forThinkers(this.#state, { size: this.#lifecycle.usable }, this.#tuning);
    if (this.#allowed > limit) this.#change = thinking(waiting + 1);
    this.apply();
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
    this.apply();
    const most = (): number => Math.min(this.max, this.#server.cap);
    const before = most();
    this.#server.learn(capacity);
    if (most() !== before) {
      this.#decisions.record('server-capacity', before, most(), { ...capacity });
    }
    this.follow();
  }

  /** The server refused a connect for want of room. */
  refusedByServer(now: number): void {
    const { waiting, connecting, limit } = this.#pool;
    const open = this.#lifecycle.usable;
    // Those under way may still be let in; if they are not, each says so itself.
    this.#server.refused(open + connecting, now);
    const { cap } = this.#server;
    if (cap < limit) this.#move('server-limit', { open, connecting, waiting });
  }

  /** Acquires wait: after its pause, a refusal of the server is put to the test. */
  press(now: number): void {
    const { limit, waiting } = this.#pool;
    this.#server.press(this.max, now);
    if (this.#allowed > limit) this.#move('server-limit', { waiting });
  }

  /** Tells the mechanism what was judged, and the log why; without a judgement the ceiling moves with the size, a step ahead of it. */
  apply(): void {
    const { limit, waiting } = this.#pool;
    const change = this.#change;
    this.#change = undefined;
    if (change === undefined) {
      this.#decisions.stepped(limit, this.#allowed, { open: this.#lifecycle.usable, waiting });
      this.follow();
    } else this.#move(change.reason, change.inputs);
  }

  /** Sets the ceiling, and tells why. */
  #move(reason: ScalingReason, inputs: Readonly<Record<string, number>>): void {
    const { limit } = this.#pool;
    const to = this.#allowed;
    if (HOLDS.has(reason) || to !== limit) this.#decisions.record(reason, limit, to, inputs);
    this.follow();
  }

  /** Why it has changed was told: tell the mechanism. */
  follow(): void {
    const limit = this.#allowed;
    if (limit !== this.#pool.limit) this.#pool.setLimit(limit);
  }

  /** What all that is known leaves. */
  get #allowed(): number {
    const { min, asked, standing } = this.#lifecycle;
    const { ceiling, step } = this.#state;
    // A step bounds growth; only a ceiling takes away.
    const adaptive = this.#settings.adaptiveCeiling
      ? Math.min(ceiling, Math.max(step, standing))
      : this.max;
    const own = Math.min(this.max, Math.max(adaptive, min, asked));
    return Math.max(1, Math.min(own, this.#server.cap));
  }

  /** Why the pool may not have more connections than it may, in words; undefined while it may have all. */
  get reason(): string | undefined {
    const { limit } = this.#pool;
    const { loopHeld, phase } = this.#state;
    if (limit >= this.max) return undefined;
    if (limit >= this.#server.cap) {
      return this.#server.refuses ? 'the server had no room for more' : this.#server.describe();
    }
    if (loopHeld) return "this process's event loop is saturated";
    if (phase === 'free') return 'growth goes in steps, each judged by what it bought';
    return phase === 'trial'
      ? 'throughput fell as it grew'
      : 'the last growth bought little throughput';
  }

  /** What the server allows, in words, where it has said so. */
  get serverAllows(): string | undefined {
    return this.#server.describe();
  }

  /**
   * A process without time of its own sees nothing: its connections have answered, and their callers have not run yet. Taken
   * for think time, that would double the size again and again, and each connect takes more of the time that is missing.
   */
  #busyShare(now: number, loopUtilization: number): number | undefined {
    const { factory, tuning } = this.#settings;
    if (factory.isBusy === undefined || loopUtilization > tuning.loopUtilization) return undefined;
    return busyShareOf(
      this.#pool.entries(),
      (connection) => factory.isBusy?.(connection) ?? true,
      now,
      tuning,
    );
  }
}
