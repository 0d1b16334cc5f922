/**
 * An acquire that ends in a lease.
 *
 * @module
 */
import type { Entry } from './_entry.ts';
import { AcquireAbortedError } from './errors.ts';
import { Lease } from './lease.ts';
import type { ResourcePool } from './resource_pool.ts';
import { Waiter } from './waiter.ts';

/** Answers a promise. Once it has, neither the pool nor the signal refers to it, or the lease could never be proven lost. */
export class LeaseWaiter<C> extends Waiter<C> {
  readonly #pool: ResourcePool<C>;
  readonly #resolve: (lease: Lease<C>) => void;
  readonly #reject: (error: Error) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #abort: (() => void) | undefined;

  constructor(
    pool: ResourcePool<C>,
    resolve: (lease: Lease<C>) => void,
    reject: (error: Error) => void,
    signal: AbortSignal | undefined,
  ) {
    super();
    this.#pool = pool;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#signal = signal;
    if (signal === undefined) return;
    this.#abort = () => {
      const waitedMs = pool.clock.now() - this.since;
      pool.cancel(this, new AcquireAbortedError(waitedMs, signal.reason));
    };
    signal.addEventListener('abort', this.#abort, { once: true });
  }

  granted(entry: Entry<C>): Lease<C> {
    this.#ignoreSignal();
    const lease = new Lease(this.#pool, entry);
    this.#resolve(lease);
    return lease;
  }

  refused(error: Error): void {
    this.#ignoreSignal();
    this.#reject(error);
  }

  #ignoreSignal(): void {
    const signal = this.#signal;
    // A signal that fires lets go of its listeners itself; to search them for each of its thousand callers would take minutes.
    if (signal === undefined || signal.aborted || this.#abort === undefined) return;
    signal.removeEventListener('abort', this.#abort);
  }
}
