/**
 * Finds idle connections that are dead before a user does.
 *
 * @module
 */
import { SoonestTimer, serverDeadline } from './_deadline.ts';
import type { Entry } from './_entry.ts';
import type { Settings } from './_settings.ts';
import type { ResourcePool } from './resource_pool.ts';

/**
 * Asks idle connections for a sign of life when they have given none for `healthCheckIntervalMs`. A connection that came
 * back from a user gave one, so a busy pool checks nothing. Checks begin only while nobody waits, never touch a leased
 * connection, and have a deadline (n8n's ping shared its pool with the users and declared a healthy database dead:
 * 91 of 160 pods).
 */
export class HealthMonitor<C> {
  readonly #pool: ResourcePool<C>;
  readonly #settings: Settings<C>;
  readonly #timer: SoonestTimer;
  #probing = 0;
  #running = false;
  /** Checks that found a dead connection. */
  found = 0;

  constructor(pool: ResourcePool<C>, settings: Settings<C>) {
    this.#pool = pool;
    this.#settings = settings;
    this.#timer = new SoonestTimer(settings.clock, () => this.#check());
  }

  start(): void {
    this.#running = true;
    this.#armIn(this.#settings.healthCheckIntervalMs);
  }

  stop(): void {
    this.#running = false;
    this.#timer.cancel();
  }

  #armIn(ms: number): void {
    if (!this.#running || ms === Number.POSITIVE_INFINITY) return;
    const now = this.#settings.clock.now();
    this.#timer.arm(now + ms, now);
  }

  /** Begins as many checks as may run; the rest follow as these end. */
  #check(): void {
    if (!this.#running) return;
    const pool = this.#pool;
    const { healthCheckIntervalMs: interval, tuning, clock } = this.#settings;
    const now = clock.now();
    if (pool.waiting > 0) {
      this.#armIn(interval / 10);
      return;
    }
    const share = Math.floor(pool.idle * tuning.healthCheckShare);
    const mayRun = Math.max(1, Math.min(tuning.healthChecksAtOnce, share));
    let soonest = interval;
    for (const entry of pool.idleEntries()) {
      const silentMs = now - entry.aliveAt;
      if (silentMs < interval) soonest = Math.min(soonest, interval - silentMs);
      else if (this.#probing < mayRun) this.#probe(entry);
      else soonest = 0;
    }
    // With checks under way, the end of one of them looks again.
    if (soonest > 0 || this.#probing === 0) this.#armIn(Math.max(soonest, 1));
  }

  #probe(entry: Entry<C>): void {
    const { factory, healthCheckTimeoutMs, clock } = this.#settings;
    const connection = this.#pool.beginProbe(entry);
    const abort = new AbortController();
    let over = false;
    this.#probing++;
    const finish = (alive: boolean): void => {
      if (over) return;
      over = true;
      timer.cancel();
      this.#probing--;
      if (!alive) this.found++;
      this.#pool.endProbe(entry, alive ? undefined : 'unhealthy');
      this.#armIn(1);
    };
    const timer = serverDeadline(clock, healthCheckTimeoutMs, () => {
      finish(false);
      abort.abort(new Error(`The health check took longer than ${healthCheckTimeoutMs} ms`));
    });
    // Without `validate`, what can be told without asking; and never synchronously within the loop over idle ones.
    new Promise<boolean>((resolve) => {
      const { validate, isUsable } = factory;
      if (validate !== undefined) resolve(validate.call(factory, connection, abort.signal));
      else resolve(isUsable?.call(factory, connection) ?? true);
    }).then(finish, () => finish(false));
  }
}
