/**
 * Asking for a lease: `getConnection()`, and what is built on it.
 */
import type pg from 'pg';
import { ACQUIRE } from './_acquire_options.ts';
import { checkAll, TEXT } from './_option_checks.ts';
import { asCallerSees, LeaseWaiter, type Lender, PgLease } from './_pg_checkout.ts';
import type { Following } from './_pg_nesting.ts';
import type { Servers } from './_pg_servers.ts';
import { TRANSACTION } from './_pg_transaction.ts';
import { reachPosition } from './_replica_position.ts';
import { AcquireAbortedError, PoolClosedError } from './errors.ts';
import type { GetConnectionOptions } from './pg_lease_options.ts';
import type { ResourcePool } from './resource_pool.ts';
import type { Waiter } from './waiter.ts';

/** Those of a transaction come this way as well, and are checked before there is a connection for it. */
const CHECKS = { ...ACQUIRE, minLsn: TEXT, ...TRANSACTION };

type EntryPoint = (...args: never[]) => unknown;

export interface LeasingParts {
  readonly name: string;
  readonly acquireTimeoutMs: number;
  readonly lender: Lender;
  readonly servers: Pick<Servers, 'knownOf'>;
  isEnding(): boolean;
  /** Somebody waits for a connection. */
  queued(): void;
}

/** @returns ends the watch over the signal. */
export function cancelOnAbort(
  resources: ResourcePool<pg.Client>,
  waiter: Waiter<pg.Client>,
  signal: AbortSignal,
): () => void {
  const abort = (): void => {
    const waitedMs = resources.clock.now() - waiter.since;
    resources.cancel(waiter, new AcquireAbortedError(waitedMs, signal.reason));
  };
  signal.addEventListener('abort', abort, { once: true });
  // A signal that fires lets go of its listeners itself; to search them for each of its thousand callers would take minutes.
  return () => {
    if (!signal.aborted) signal.removeEventListener('abort', abort);
  };
}

/** Gives out leases of one pool. */
export class Leasing {
  readonly #parts: LeasingParts;

  constructor(parts: LeasingParts) {
    this.#parts = parts;
  }

  /**
   * @param entryPoint the public function that was called
   * @param following whose acquire it is, where nested ones are watched
   */
  lease(
    options: GetConnectionOptions,
    entryPoint: EntryPoint,
    following: Following | undefined,
  ): Promise<PgLease> {
    try {
      checkAll(options, CHECKS, '');
    } catch (error) {
      return Promise.reject(error);
    }
    const { minLsn } = options;
    const lease = this.#lease(options, entryPoint, following);
    return minLsn === undefined ? lease : this.#reached(lease, minLsn, options.timeoutMs);
  }

  async #reached(
    leased: Promise<PgLease>,
    minLsn: string,
    timeoutMs: number = this.#parts.acquireTimeoutMs,
  ): Promise<PgLease> {
    const { lender, servers } = this.#parts;
    const { clock } = lender.resources;
    const begun = clock.now();
    const lease = await leased;
    try {
      const { connection } = lease;
      const known = servers.knownOf(connection);
      await reachPosition(connection, known, minLsn, clock, timeoutMs - (clock.now() - begun));
      return lease;
    } catch (error) {
      await lease.release();
      throw error;
    }
  }

  #lease(
    options: GetConnectionOptions,
    entryPoint: EntryPoint,
    following: Following | undefined,
  ): Promise<PgLease> {
    return new Promise((resolve, reject) => {
      const { signal, timeoutMs, label } = options;
      const { lender, name } = this.#parts;
      const { resources } = lender;
      if (signal?.aborted) {
        reject(new AcquireAbortedError(0, signal.reason));
        return;
      }
      if (this.#parts.isEnding()) {
        reject(asCallerSees(new PoolClosedError(name)));
        return;
      }
      const leaseId = resources.beginAcquire(label, entryPoint);
      const entry = resources.tryAcquire(label, leaseId, entryPoint);
      if (entry !== undefined) {
        following?.granted(entry);
        const lease = new PgLease(lender, entry);
        resources.announce(entry, 0, lease);
        resolve(lease);
        return;
      }
      const waiter = new LeaseWaiter(lender, resolve, reject, following?.granted);
      waiter.label = label;
      waiter.leaseId = leaseId;
      resources.acquire(waiter, timeoutMs, entryPoint);
      if (waiter.queued) this.#parts.queued();
      if (!waiter.queued) return;
      following?.queued(waiter);
      if (signal !== undefined) waiter.unwatch = cancelOnAbort(resources, waiter, signal);
    });
  }
}
