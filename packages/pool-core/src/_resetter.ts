/**
 * Connections that are made as good as new between two users.
 *
 * @module
 */
import { serverDeadline } from './_deadline.ts';
import type { Entry } from './_entry.ts';
import type { Clock } from './clock.ts';
import type { ResetResult } from './connection_factory.ts';

/** Waits for resets, within bounds. */
export class Resetter<C> {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #done: (entry: Entry<C>, result: ResetResult) => Promise<void> | undefined;
  /** Connections being reset. */
  count = 0;

  constructor(
    clock: Clock,
    timeoutMs: number,
    done: (entry: Entry<C>, result: ResetResult) => Promise<void> | undefined,
  ) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#done = done;
  }

  /** Settles once the connection is back in the pool or closed; never rejects. */
  follow(entry: Entry<C>, result: Promise<ResetResult>): Promise<void> {
    entry.state = 'resetting';
    this.count++;
    return new Promise<void>((resolve) => {
      const finish = (reason: ResetResult): void => {
        // The pool may have taken it away meanwhile.
        resolve(this.leave(entry) ? this.#done(entry, reason) : undefined);
      };
      const fail = (): void => finish('reset-failed');
      entry.timer = serverDeadline(this.#clock, this.#timeoutMs, fail);
      result.then(finish, fail);
    });
  }

  /** Ends the wait. @returns false when the connection is not being reset any more. */
  leave(entry: Entry<C>): boolean {
    if (entry.state !== 'resetting') return false;
    entry.timer?.cancel();
    entry.timer = undefined;
    this.count--;
    return true;
  }
}
