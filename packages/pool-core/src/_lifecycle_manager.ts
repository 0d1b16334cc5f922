/**
 * Connections that are to be opened because the pool wants them, and closed because of their age.
 *
 * @module
 */
import { SoonestTimer } from './_deadline.ts';
import type { Entry } from './_entry.ts';
import { expiry, needsSubstitute, retirementGapMs } from './_retirement_policy.ts';
import type { Settings } from './_settings.ts';
import type { DestroyReason, ScalingReason } from './contract.ts';
import type { ResourcePool } from './resource_pool.ts';

/** What the lifecycle manager asks the manager. */
export interface LifecycleHost {
  /** Whether one more connect may be started now. */
  mayConnect(now: number): boolean;
  /** If not: when to ask again (ms), 0 for "when one in flight has ended". */
  retryIn(now: number): number;
  /** One more connect was begun for the wanted size. */
  grew(reason: ScalingReason): void;
}

/** Between two looks at connections past their lifetime that cannot be spared and not be replaced, ms. */
const STUCK_MS = 50;

/** Keeps the wanted size, and replaces what has served its time. */
export class LifecycleManager<C> {
  readonly #pool: ResourcePool<C>;
  readonly #settings: Settings<C>;
  readonly #host: LifecycleHost;
  readonly #timer: SoonestTimer;
  #running = false;
  /** No retirement before this (monotonic ms). */
  #retireAt = 0;
  /** `opening`: a substitute for a connection past its lifetime is on its way; `ready`: it has come. */
  #substitute: 'none' | 'opening' | 'ready' = 'none';
  /** The size to keep, whatever the load. */
  min: number;
  /** The size the scaler or a caller wants for now; getting there may take many connects. */
  target = 0;
  /** A size that a caller asked for, until it is reached, there is no room for more, or a connect has failed. */
  asked = 0;
  /** No connect for the wanted size before this (monotonic ms): the last one failed. */
  #notBefore = 0;
  #failures = 0;

  constructor(pool: ResourcePool<C>, settings: Settings<C>, host: LifecycleHost) {
    this.#pool = pool;
    this.#settings = settings;
    this.#host = host;
    this.min = settings.minConnections;
    this.#timer = new SoonestTimer(settings.clock, () => this.#wake());
  }

  start(): void {
    this.#running = true;
    this.fill(this.#settings.clock.now());
  }

  stop(): void {
    this.#running = false;
    this.#timer.cancel();
  }

  /** Connections that are not on their way out. */
  get standing(): number {
    return this.#pool.size - this.#pool.closing;
  }

  /** Of these, the ones that are open. */
  get usable(): number {
    return this.standing - this.#pool.connecting;
  }

  /** Why one more is wanted now, whoever waits; undefined at the wanted size, and in the pause after a failure. */
  wants(now: number): ScalingReason | undefined {
    return now < this.#notBefore ? undefined : this.#wanted;
  }

  get #wanted(): ScalingReason | undefined {
    const { standing } = this;
    if (standing < this.min) return 'minimum';
    if (standing < this.asked) return 'warm';
    return standing < this.target ? 'utilization-high' : undefined;
  }

  /** Opens connections up to the wanted size, as many as may be opened now; called again as each connect ends. */
  fill(now: number): void {
    if (!this.#running) return;
    const pool = this.#pool;
    while (pool.room > 0) {
      const reason = this.#wanted;
      if (reason === undefined || !this.#mayConnect(now)) break;
      pool.open(1);
      this.#host.grew(reason);
    }
    // It is there, or there is no room for more of it: kept, it would have what is closed later opened again for ever.
    if (pool.connecting === 0 && (pool.room === 0 || this.standing >= this.asked)) this.asked = 0;
  }

  /** Sees to it that somebody asks again where the answer is no. */
  #mayConnect(now: number): boolean {
    if (now >= this.#notBefore && this.#host.mayConnect(now)) return true;
    const retryMs = Math.max(this.#notBefore - now, this.#host.retryIn(now));
    if (retryMs > 0) this.#timer.arm(now + retryMs, now);
    return false;
  }

  connected(entry: Entry<C>, now: number): void {
    const { connectionLifetimeMs, lifetimeJitter, random } = this.#settings;
    this.#failures = 0;
    this.#notBefore = 0;
    if (this.#substitute === 'opening') {
      this.#substitute = 'ready';
      this.#timer.arm(now, now);
    }
    if (connectionLifetimeMs === Number.POSITIVE_INFINITY) return;
    entry.expiresAt = expiry(now, connectionLifetimeMs, lifetimeJitter, random());
    if (this.#running) this.#timer.arm(entry.expiresAt, now);
  }

  /**
   * Connects that no waiter asked for are not hurried: whatever the error, the next one pauses. With jitter: a fleet that lost its
   * server at one instant would else ask for it, and come back to it, at one instant every second.
   */
  connectFailed(now: number): void {
    const { random, tuning } = this.#settings;
    const { backoffMinMs, backoffMaxMs } = tuning;
    const cap = Math.min(backoffMaxMs, backoffMinMs * 2 ** this.#failures);
    this.#notBefore = now + backoffMinMs + random() * (cap - backoffMinMs);
    this.#failures = Math.min(this.#failures + 1, 20);
    this.asked = 0;
    if (this.#substitute !== 'opening') return;
    this.#substitute = 'none';
    if (this.#running) this.#timer.arm(this.#notBefore, now);
  }

  /** Whether a connection that came back past its age or use may go now. */
  mayRetire(now: number): boolean {
    const may = this.#takeTurn(now);
    // It goes on idle, where its age is not looked at again by itself.
    if (!may) this.#timer.arm(this.#retireAt, now);
    return may;
  }

  /** Closes the coldest idle connections above the floor that were idle before `idleBefore`. @returns how many. */
  evict(count: number, floor: number, reason: DestroyReason, idleBefore: number): number {
    let closed = 0;
    for (const entry of this.#pool.idleEntries()) {
      if (closed >= count || this.standing <= floor || entry.idleSince > idleBefore) break;
      closed++;
      void this.#pool.destroyIdle(entry, reason);
    }
    return closed;
  }

  #wake(): void {
    if (!this.#running) return;
    const now = this.#settings.clock.now();
    this.#retireIdle(now);
    this.fill(now);
    this.#schedule(now);
  }

  /** Retires idle connections past their lifetime; where the pool cannot spare one, its substitute comes first. */
  #retireIdle(now: number): void {
    const pool = this.#pool;
    for (const entry of pool.idleEntries()) {
      if (now < entry.expiresAt) continue;
      const { leased, idle, room } = pool;
      const spare = !needsSubstitute({ size: this.standing, min: this.min, leased, idle });
      if (!spare && room > 0 && this.#substitute !== 'ready') {
        if (this.#substitute === 'none' && this.#mayConnect(now)) {
          this.#substitute = 'opening';
          pool.open(1);
        }
        return;
      }
      if (!this.#takeTurn(now)) return;
      this.#substitute = 'none';
      void pool.destroyIdle(entry, 'lifetime');
    }
  }

  #takeTurn(now: number): boolean {
    if (now < this.#retireAt) return false;
    this.#retireAt = now + retirementGapMs(this.#pool.size, this.#settings.tuning.retirePerSecond);
    return true;
  }

  /**
   * Wakes for the next whose time comes, whoever has it then: it may be idle by that time. Past it, those that are lent are asked about
   * when they come back.
   */
  #schedule(now: number): void {
    let soonest = Number.POSITIVE_INFINITY;
    for (const { expiresAt, state } of this.#pool.entries()) {
      const waits = expiresAt > now || state === 'idle' || state === 'probing';
      if (waits && expiresAt < soonest) soonest = expiresAt;
    }
    // A substitute on its way wakes by itself.
    if (soonest === Number.POSITIVE_INFINITY || this.#substitute === 'opening') return;
    // What is past it already could not go just now: nothing says when it can.
    const notBefore = soonest <= now ? now + STUCK_MS : soonest;
    this.#timer.arm(Math.max(notBefore, this.#retireAt), now);
  }
}
