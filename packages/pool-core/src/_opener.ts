/**
 * Connects under way.
 *
 * @module
 */
import { serverDeadline } from './_deadline.ts';
import type { Entry } from './_entry.ts';
import { isPromiseLike } from './_promise_like.ts';
import type { Clock } from './clock.ts';
import type { ConnectionFactory } from './connection_factory.ts';
import { ConnectTimeoutError } from './errors.ts';

/** Who hears how a connect ended: exactly one of the two, once. */
export interface OpenerHost<C> {
  opened(entry: Entry<C>): void;
  openFailed(entry: Entry<C>, error: unknown): void;
  lost(entry: Entry<C>, error: unknown): void;
}

/**
 * Opens connections, each with a hard deadline of the pool's own: HikariCP's worst bugs are pools that wait for ever for
 * a connect stuck in a socket (#2186, #2274). What a connect yields after its deadline is destroyed, never handed out
 * (pg-pool hands it out, node-postgres #3543).
 */
export class Opener<C> {
  readonly #factory: ConnectionFactory<C>;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #host: OpenerHost<C>;
  /** Connects under way. */
  count = 0;

  constructor(factory: ConnectionFactory<C>, clock: Clock, timeoutMs: number, host: OpenerHost<C>) {
    this.#factory = factory;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#host = host;
  }

  /** Begins to connect. A factory that answers synchronously is through when this returns. */
  open(entry: Entry<C>): void {
    const abort = new AbortController();
    entry.abort = abort;
    this.count++;
    let result: Promise<C> | C;
    try {
      result = this.#factory.create(abort.signal, (error) => this.#host.lost(entry, error));
    } catch (error) {
      this.#failed(entry, error);
      return;
    }
    if (!isPromiseLike(result)) {
      this.#opened(entry, result);
      return;
    }
    if (entry.state === 'connecting' && this.#timeoutMs < Number.POSITIVE_INFINITY) {
      entry.timer = serverDeadline(this.#clock, this.#timeoutMs, () => {
        this.abandon(entry, new ConnectTimeoutError(this.#timeoutMs));
      });
    }
    result.then(
      (connection) => this.#opened(entry, connection),
      (error) => this.#failed(entry, error),
    );
  }

  /** Gives up on a connect as failed. It may go on in the dark: its result is destroyed when it comes. */
  abandon(entry: Entry<C>, error: Error): void {
    const { abort } = entry;
    this.#failed(entry, error);
    abort?.abort(error);
  }

  #opened(entry: Entry<C>, connection: C): void {
    if (entry.state !== 'connecting') {
      this.#destroyLate(connection);
      return;
    }
    this.#settle(entry);
    entry.connection = connection;
    this.#host.opened(entry);
  }

  #failed(entry: Entry<C>, error: unknown): void {
    if (entry.state !== 'connecting') return;
    this.#settle(entry);
    this.#host.openFailed(entry, error);
  }

  #settle(entry: Entry<C>): void {
    this.count--;
    entry.timer?.cancel();
    entry.timer = undefined;
    entry.abort = undefined;
  }

  #destroyLate(connection: C): void {
    try {
      Promise.resolve(this.#factory.destroy(connection, 'closing')).catch(() => undefined);
    } catch {
      // It was never in the pool: there is nobody to tell.
    }
  }
}
