import type { Clock } from './clock.ts';

/** Those who wait until something happens to a key that another process holds. */
export class KeyWaiters {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves at the next `wake(key)`, or after `ms`. */
  wait(key: string, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const here = this.#waiting.get(key) ?? new Set();
      this.#waiting.set(key, here);
      const wake = (): void => {
        timer.cancel();
        here.delete(wake);
        if (here.size === 0 && this.#waiting.get(key) === here) this.#waiting.delete(key);
        resolve();
      };
      const timer = this.#clock.setTimeout(wake, ms);
      here.add(wake);
    });
  }

  wake(key: string): void {
    for (const wake of [...(this.#waiting.get(key) ?? [])]) wake();
  }

  wakeAll(): void {
    for (const key of [...this.#waiting.keys()]) this.wake(key);
  }
}
