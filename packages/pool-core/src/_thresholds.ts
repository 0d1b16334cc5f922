/**
 * The documented thresholds: above 80 % utilisation the pool grows, below 30 % it shrinks.
 *
 * @module
 */
import type { Decisions } from './_decisions.ts';
import type { LifecycleManager } from './_lifecycle_manager.ts';
import type { Reading } from './_meter.ts';
import { connectionsToClose, type LoadTick, sizeForGrowth } from './_scaling_policy.ts';
import type { Settings } from './_settings.ts';
import type { ResourcePool } from './resource_pool.ts';

/** Remembers the load tick by tick, asks `_scaling_policy.ts` what size that needs, and has it opened or closed. */
export class Thresholds<C> {
  readonly #pool: ResourcePool<C>;
  readonly #settings: Settings<C>;
  readonly #lifecycle: LifecycleManager<C>;
  readonly #decisions: Decisions;
  #ticks: LoadTick[] = [];
  #tick: Reading;
  #grewAt: number = Number.NEGATIVE_INFINITY;
  #sizeBefore = 0;
  /** What shrinking and the idle timeout leave. */
  floor: number;

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
    this.#tick = pool.meter.read(settings.clock.now());
    this.floor = settings.idleFloor;
  }

  /** One look at the load; a tick is counted when `tickMs` have passed. */
  look(now: number): void {
    const { size } = this.#pool;
    if (size > this.#sizeBefore) this.#grewAt = now;
    this.#sizeBefore = size;
    if (now - this.#tick.at < this.#settings.tuning.tickMs - 1) return;
    this.#count(now);
    this.#grow();
    this.#shrink(now);
  }

  #count(now: number): void {
    const before = this.#tick;
    const reading = this.#pool.meter.read(now);
    this.#tick = reading;
    const { usable } = this.#lifecycle;
    const leased = (reading.leasedMs - before.leasedMs) / (reading.at - before.at);
    const utilization = usable === 0 ? 0 : Math.min(1, leased / usable);
    this.#ticks.push({ utilization, leased, idle: this.#pool.idle });
    const { shrinkWindowTicks } = this.#settings.tuning;
    if (this.#ticks.length > 2 * shrinkWindowTicks) {
      this.#ticks = this.#ticks.slice(-shrinkWindowTicks);
    }
  }

  /** Sets the size that the lifecycle manager opens connections up to. */
  #grow(): void {
    const { tuning, scalingThreshold } = this.#settings;
    const { usable } = this.#lifecycle;
    const wanted = sizeForGrowth(this.#ticks, usable, { ...tuning, scalingThreshold });
    const allowed = Math.min(wanted ?? 0, this.#pool.limit);
    this.#lifecycle.target = allowed > usable ? allowed : 0;
  }

  #shrink(now: number): void {
    const { tuning, scaleDownThreshold, idleTimeoutMs, exactIdleTimeout } = this.#settings;
    if (idleTimeoutMs === Number.POSITIVE_INFINITY || exactIdleTimeout) return;
    const { standing } = this.#lifecycle;
    const shrink = connectionsToClose(
      {
        ticks: this.#ticks,
        size: standing,
        min: this.floor,
        idleTooLong: this.#idleSince(now - idleTimeoutMs),
        sinceGrowthMs: now - this.#grewAt,
      },
      { ...tuning, scaleDownThreshold },
    );
    if (shrink === undefined) return;
    const { close, reason } = shrink;
    const closed = this.#lifecycle.evict(close, this.floor, 'idle-timeout', now - idleTimeoutMs);
    if (closed === 0) return;
    const { leased = 0 } = this.#ticks.at(-1) ?? {};
    const inputs = { utilization: this.utilization, leased, threshold: scaleDownThreshold };
    this.#decisions.record(reason, standing, standing - closed, inputs);
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

  /**
   * Carries out exact idle timeouts. @returns when the next is due; undefined where there are none.
   */
  evictOnTime(now: number): number | undefined {
    const { exactIdleTimeout, idleTimeoutMs } = this.#settings;
    if (!exactIdleTimeout || idleTimeoutMs === Number.POSITIVE_INFINITY) return undefined;
    const { standing } = this.#lifecycle;
    const before = now - idleTimeoutMs;
    const closed = this.#lifecycle.evict(standing, this.floor, 'idle-timeout', before);
    if (closed > 0) this.#decisions.record('idle', standing, standing - closed, { idleTimeoutMs });
    if (this.#lifecycle.standing <= this.floor) return undefined;
    for (const { idleSince } of this.#pool.idleEntries()) return idleSince + idleTimeoutMs;
    return undefined;
  }

  /** Of the last tick, 0..1. */
  get utilization(): number {
    return this.#ticks.at(-1)?.utilization ?? 0;
  }

  /** Whether the last tick saw no load, and nothing above the floor: until somebody comes, each tick would be like it. */
  get settled(): boolean {
    const { leased, waiting, idle } = this.#pool;
    return leased === 0 && waiting === 0 && idle <= this.floor && this.#ticks.at(-1)?.leased === 0;
  }
}
