import type {
  AcquiredEvent,
  DestroyReason,
  EvictablePool,
  ObservablePool,
  PoolStats,
} from '@fynlo/pool-core/contract';
import { PgPoolCounters } from './_pg_pool_counters.ts';
import { type Checkout, type PgConnect, patchPgPool } from './_pg_pool_patch.ts';
import { isBusy, whenQuiet } from './_pg_wire.ts';
import { leaseOf } from './pg_client_lease.ts';
import type { PgClientLike, PgPoolLike, PgRelease } from './pg_shapes.ts';
import type { LeaseObserver } from './pool_attachment.ts';

/** What is known of one connection. It refers to the client, never to a lease: that belongs to its holder alone. */
class Connection {
  readonly id: number;
  readonly client: PgClientLike;
  leaseId = 0;
  acquiredAt = 0;
  release: PgRelease | undefined;
  /** Why it is about to be destroyed. */
  doomed: DestroyReason | undefined;
  /** `destroyed` was told, before pg-pool tells `remove`. */
  gone = false;
  reclaiming = false;

  constructor(id: number, client: PgClientLike) {
    this.id = id;
    this.client = client;
  }
}

/**
 * The pool contract over a plain `pg.Pool`. What runs for each checkout is kept plain: loops over arrays instead of
 * closures, no bookkeeping that a rare question can find out by looking (3 % of a `select 1` are half a microsecond).
 */
export class PgPoolAdapter implements ObservablePool, EvictablePool {
  readonly #pool: PgPoolLike;
  readonly #busyGraceMs: number;
  readonly #counters = new PgPoolCounters();
  /** Replaced, never changed: telling goes on undisturbed when an observer leaves while being told. */
  #observers: readonly LeaseObserver[] = [];
  readonly #connections = new Map<PgClientLike, Connection>();
  /** Checkouts that are not answered yet. */
  readonly #pending = new Set<Checkout>();
  readonly #listeners: Record<string, (...args: never[]) => void>;
  readonly #closed: () => void;
  #ids = 0;
  #restore: (() => void) | undefined;
  #fresh: PgClientLike | undefined;

  /** @param closed called by `close()` */
  constructor(pool: PgPoolLike, busyGraceMs: number, closed: () => void) {
    this.#pool = pool;
    this.#busyGraceMs = busyGraceMs;
    this.#closed = closed;
    this.#listeners = {
      connect: (client: PgClientLike) => {
        this.#counters.created++;
        this.#fresh = client;
      },
      release: (error: unknown, client: PgClientLike) => this.#onRelease(error, client),
      remove: (client: PgClientLike) => this.#onRemove(client),
    };
  }

  observe(observer: LeaseObserver): () => void {
    this.#observers = [...this.#observers, observer];
    this.#restore ??= this.#stepIn();
    return () => {
      this.#observers = this.#observers.filter((other) => other !== observer);
      if (this.#observers.length === 0) this.#stepOut();
    };
  }

  stats(): PoolStats {
    const [oldest] = this.#pending;
    const oldestWaitMs = oldest === undefined ? 0 : performance.now() - oldest.startedAt;
    return this.#counters.snapshot(this.#pool, oldestWaitMs);
  }

  reclaim(leaseId: number, reason: string): boolean {
    const connection = [...this.#connections.values()].find((c) => c.leaseId === leaseId);
    if (connection === undefined || connection.reclaiming || leaseId === 0) return false;
    connection.reclaiming = true;
    const destroy = (): void => {
      if (connection.leaseId === leaseId) this.#destroy(connection, reason);
    };
    if (isBusy(connection.client)) whenQuiet(connection.client, this.#busyGraceMs, destroy);
    else destroy();
    return true;
  }

  close(): void {
    this.#observers = [];
    this.#stepOut();
    this.#closed();
  }

  #stepIn(): () => void {
    const pool = this.#pool;
    const listeners = Object.entries(this.#listeners) as [string, (...args: unknown[]) => void][];
    for (const [event, listener] of listeners) pool.on(event, listener);
    const unpatch = patchPgPool(pool, (connect, checkout) => this.#checkOut(connect, checkout));
    return () => {
      unpatch();
      for (const [event, listener] of listeners) pool.removeListener(event, listener);
      // What is out now comes back unseen.
      this.#counters.releases = this.#counters.acquires;
      this.#connections.clear();
    };
  }

  #stepOut(): void {
    this.#restore?.();
    this.#restore = undefined;
  }

  #checkOut(connect: PgConnect, checkout: Checkout): void {
    const leaseId = ++this.#ids;
    checkout.leaseId = leaseId;
    // With an idle connection the answer comes in the next tick: that is no wait worth a place among those who wait.
    const waits = this.#pool.idleCount === 0;
    if (waits) this.#pending.add(checkout);
    for (const observer of this.#observers) {
      if (observer.acquiring === undefined) continue;
      try {
        observer.acquiring({ leaseId, entry: checkout.entry });
      } catch (error) {
        warn(error);
      }
    }
    connect((error, client, release) => {
      const callback = checkout.takeCallback();
      if (waits) this.#pending.delete(checkout);
      if (client === undefined || error) {
        this.#rejected(checkout, error);
        callback?.(error, undefined, release);
      } else if (checkout.forUser) {
        const lease = leaseOf(client, release);
        this.#granted(checkout, client, release, lease);
        callback?.(undefined, lease, lease.release);
      } else {
        this.#granted(checkout, client, release, undefined);
        callback?.(undefined, client, release);
      }
    });
  }

  #granted(
    { leaseId, startedAt }: Checkout,
    client: PgClientLike,
    release: PgRelease,
    lease: object | undefined,
  ): void {
    const now = performance.now();
    const waitedMs = now - startedAt;
    const connection = this.#connections.get(client) ?? this.#add(client);
    if (this.#fresh === client) this.#created(connection, waitedMs);
    connection.leaseId = leaseId;
    connection.acquiredAt = now;
    connection.release = release;
    connection.reclaiming = false;
    this.#counters.acquires++;
    this.#counters.wait.record(waitedMs);
    const connectionId = connection.id;
    for (const observer of this.#observers) {
      if (observer.acquired === undefined) continue;
      const event: AcquiredEvent =
        observer.tracksLeases === true && lease !== undefined
          ? { leaseId, connectionId, waitedMs, lease }
          : { leaseId, connectionId, waitedMs };
      try {
        observer.acquired(event);
      } catch (error) {
        warn(error);
      }
    }
  }

  #created({ id }: Connection, tookMs: number): void {
    this.#fresh = undefined;
    this.#counters.create.record(tookMs);
    this.#tell((observer) => observer.created?.({ connectionId: id, tookMs }));
  }

  #rejected({ leaseId, startedAt }: Checkout, error: unknown): void {
    const message = error instanceof Error ? error.message : '';
    const waitedOut = message.startsWith('timeout exceeded');
    const timedOut = waitedOut || message.includes('connection timeout');
    if (timedOut) this.#counters.timeouts++;
    else this.#counters.rejections++;
    // What pg-pool rejects before it is told to end is a connect that failed; a wait that timed out is none.
    if (!this.#pool.ending && !waitedOut) this.#counters.createFailures++;
    const code = timedOut ? 'ERR_POOL_ACQUIRE_TIMEOUT' : codeOf(error);
    const event: { code: string; waitedMs: number; leaseId: number } = {
      code,
      waitedMs: performance.now() - startedAt,
      leaseId,
    };
    this.#tell((observer) => observer.rejected?.(event));
  }

  #onRelease(error: unknown, client: PgClientLike): void {
    const connection = this.#connections.get(client);
    if (connection === undefined || connection.leaseId === 0) return;
    this.#counters.releases++;
    const { leaseId } = connection;
    connection.leaseId = 0;
    connection.release = undefined;
    if (error) connection.doomed ??= 'released-with-error';
    const heldMs = performance.now() - connection.acquiredAt;
    this.#counters.use.record(heldMs);
    for (const observer of this.#observers) {
      if (observer.released === undefined) continue;
      try {
        observer.released({ leaseId, connectionId: connection.id, heldMs });
      } catch (thrown) {
        warn(thrown);
      }
    }
  }

  #onRemove(client: PgClientLike): void {
    const connection = this.#connections.get(client);
    this.#connections.delete(client);
    if (connection === undefined || connection.gone) return;
    this.#gone(connection, connection.doomed ?? (this.#pool.ending ? 'closing' : 'idle-timeout'));
  }

  #gone(connection: Connection, reason: DestroyReason): void {
    connection.gone = true;
    this.#counters.countDestroyed(reason);
    this.#tell((observer) => observer.destroyed?.({ connectionId: connection.id, reason }));
  }

  #destroy(connection: Connection, reason: string): void {
    // While it closes, its errors are nobody's.
    connection.client.on('error', () => undefined);
    connection.doomed = 'reclaimed';
    connection.release?.(new Error(`The connection was reclaimed: ${reason}`));
    this.#gone(connection, 'reclaimed');
  }

  #add(client: PgClientLike): Connection {
    const connection = new Connection(++this.#ids, client);
    this.#connections.set(client, connection);
    return connection;
  }

  /** For what happens rarely; checkouts have loops of their own. */
  #tell(what: (observer: LeaseObserver) => void): void {
    for (const observer of this.#observers) {
      try {
        what(observer);
      } catch (error) {
        warn(error);
      }
    }
  }
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error), 'FynloObserverWarning');
}

function codeOf(error: unknown): string {
  const code =
    typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'ERR_POOL_CONNECT';
}
