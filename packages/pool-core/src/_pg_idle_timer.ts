/**
 * pg-pool's idle timeout, to the millisecond: applications and tests set it to 1 or 10 ms.
 */
import type { Timer } from './clock.ts';
import type { ResourcePool } from './resource_pool.ts';

/** Node's timers count whole milliseconds and may be early by a part of one. */
const EARLY_MS = 1;

/** One timer, for the connection that is due first; pg-pool sets and clears one per release. */
export class IdleTimer<C> {
  readonly #pool: ResourcePool<C>;
  readonly #idleTimeoutMs: number;
  readonly #floor: () => number;
  #timer: Timer | undefined;

  constructor(pool: ResourcePool<C>, idleTimeoutMs: number, floor: () => number) {
    this.#pool = pool;
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#floor = floor;
  }

  /** A connection may have become idle. */
  watch(): void {
    if (this.#timer !== undefined || this.#pool.idle === 0) return;
    if (this.#standing <= this.#floor() || this.#pool.ending) return;
    for (const { idleSince } of this.#pool.idleEntries()) {
      const { clock } = this.#pool;
      const dueMs = idleSince + this.#idleTimeoutMs - clock.now();
      this.#timer = clock.setTimeout(() => this.#fire(), Math.max(1, Math.ceil(dueMs)));
      return;
    }
  }

  stop(): void {
    this.#timer?.cancel();
  }

  get #standing(): number {
    return this.#pool.size - this.#pool.closing;
  }

  #fire(): void {
    this.#timer = undefined;
    const before = this.#pool.clock.now() - this.#idleTimeoutMs + EARLY_MS;
    for (const entry of this.#pool.idleEntries()) {
      if (entry.idleSince > before || this.#standing <= this.#floor()) break;
      void this.#pool.destroyIdle(entry, 'idle-timeout');
    }
    this.watch();
  }
}
