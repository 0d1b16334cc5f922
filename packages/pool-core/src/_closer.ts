/**
 * Connections on their way out.
 *
 * @module
 */
import { deadline } from './_deadline.ts';
import type { Entry } from './_entry.ts';
import { isPromiseLike } from './_promise_like.ts';
import type { Clock } from './clock.ts';
import type { ConnectionFactory } from './connection_factory.ts';
import type { DestroyReason } from './contract.ts';

/**
 * Closes connections and waits for it, within bounds: a server slot is free when the socket is closed, not when that was
 * decided, but a socket that never closes must not cost the pool a place for ever.
 */
export class Closer<C> {
  readonly #factory: ConnectionFactory<C>;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #closed: (entry: Entry<C>, reason: DestroyReason) => void;
  /** Connections being closed. */
  count = 0;

  constructor(
    factory: ConnectionFactory<C>,
    clock: Clock,
    timeoutMs: number,
    closed: (entry: Entry<C>, reason: DestroyReason) => void,
  ) {
    this.#factory = factory;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#closed = closed;
  }

  /** Closes a connection that is in no other state any more. The promise never rejects. */
  close(entry: Entry<C>, reason: DestroyReason): Promise<void> {
    entry.timer?.cancel();
    entry.timer = undefined;
    entry.state = 'closing';
    this.count++;
    let result: unknown;
    try {
      result = this.#factory.destroy(entry.connection as C, reason);
    } catch {
      // The connection is out of the pool either way.
    }
    if (!isPromiseLike(result)) {
      this.#finish(entry, reason);
      return Promise.resolve();
    }
    return new Promise<void>((resolve) => {
      const finish = (): void => {
        if (entry.state === 'closing') this.#finish(entry, reason);
        resolve();
      };
      entry.timer = deadline(this.#clock, this.#timeoutMs, finish);
      (result as PromiseLike<unknown>).then(finish, finish);
    });
  }

  #finish(entry: Entry<C>, reason: DestroyReason): void {
    entry.timer?.cancel();
    entry.timer = undefined;
    this.count--;
    this.#closed(entry, reason);
  }
}
