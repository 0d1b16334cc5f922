/**
 * The end of a pool: who waits is served or refused.
 */
import type pg from 'pg';
import { PoolClosedError } from './errors.ts';
import type { ResourcePool } from './resource_pool.ts';
import type { Waiter } from './waiter.ts';

export class Drain {
  readonly #resources: ResourcePool<pg.Client>;
  readonly #name: string;
  #noneWaits: (() => void) | undefined;
  /** How long the end may take before what is lent is closed under its holder, ms. */
  graceMs: number = Number.POSITIVE_INFINITY;

  constructor(resources: ResourcePool<pg.Client>, name: string) {
    this.#resources = resources;
    this.#name = name;
  }

  /** A waiter was answered. */
  answered(): void {
    if (this.#noneWaits !== undefined && this.#resources.waiting === 0) this.#noneWaits();
  }

  /**
   * Until nobody waits. Acquires that pg-pool would have had a connect under way for are still served; those behind a full pool,
   * which would hang in pg-pool, are refused.
   *
   * @param max the most connections
   * @returns what is left of the grace, ms
   */
  async waiters(max: number): Promise<number> {
    const resources = this.#resources;
    const { clock } = resources;
    const begun = clock.now();
    // Who waits for a pool that hands nothing out would wait for ever, and so would this.
    resources.resume();
    let served = Math.max(0, max - resources.size) + resources.connecting;
    for (let waiter = resources.oldestWaiter; waiter !== undefined; ) {
      const next: Waiter<pg.Client> | undefined = waiter.after;
      if (served-- <= 0) resources.cancel(waiter, new PoolClosedError(this.#name));
      waiter = next;
    }
    if (resources.waiting > 0) await this.#noneWaiting();
    return Math.max(0, this.graceMs - (clock.now() - begun));
  }

  #noneWaiting(): Promise<void> {
    return new Promise((resolve) => {
      const timer =
        this.graceMs < Number.POSITIVE_INFINITY
          ? this.#resources.clock.setTimeout(resolve, this.graceMs)
          : undefined;
      this.#noneWaits = () => {
        timer?.cancel();
        resolve();
      };
    });
  }
}
