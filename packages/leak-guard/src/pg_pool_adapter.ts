import type {
  DestroyReason,
  EvictablePool,
  ObservablePool,
  PoolStats,
} from '@fynlo/pool-core/contract';
import { leaseOf } from './pg_client_lease.ts';
import { PgPoolCounters } from './pg_pool_counters.ts';
import { type Checkout, type PgConnect, patchPgPool } from './pg_pool_patch.ts';
import type { PgClientLike, PgConnectCallback, PgPoolLike, PgRelease } from './pg_shapes.ts';
import { isBusy, whenQuiet } from './pg_wire.ts';
import type { LeaseObserver } from './pool_attachment.ts';

/** What the guard knows of one connection. */
interface Connection {
  readonly id: number;
  leaseId: number | undefined;
  acquiredAt: number;
  release: PgRelease;
  /** Why it is about to be destroyed. */
  doomed: DestroyReason | undefined;
  /** Destroyed was told, before pg-pool tells `remove`. */
  gone: boolean;
  reclaiming: boolean;
}

/** The pool contract over a plain `pg.Pool`. */
export class PgPoolAdapter implements ObservablePool, EvictablePool {
  readonly #pool: PgPoolLike;
  readonly #busyGraceMs: number;
  readonly #counters = new PgPoolCounters();
  readonly #observers = new Set<LeaseObserver>();
  readonly #connections = new WeakMap<object, Connection>();
  /** Clients by lease, never leases: those belong to their holders alone. */
  readonly #leased = new Map<number, PgClientLike>();
  /** When each unanswered acquire began, oldest first. */
  readonly #pending = new Map<number, number>();
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
      acquire: () => {
        this.#counters.acquires++;
      },
      release: (error: unknown, client: PgClientLike) => this.#onRelease(error, client),
      remove: (client: PgClientLike) => this.#onRemove(client),
    };
    for (const [event, listener] of Object.entries(this.#listeners)) {
      pool.on(event, listener as (...args: unknown[]) => void);
    }
  }

  observe(observer: LeaseObserver): () => void {
    this.#observers.add(observer);
    this.#restore ??= patchPgPool(this.#pool, (connect, checkout) =>
      this.#checkOut(connect, checkout),
    );
    return () => {
      this.#observers.delete(observer);
      if (this.#observers.size === 0) this.#unpatch();
    };
  }

  stats(): PoolStats {
    const [oldest] = this.#pending.values();
    return this.#counters.snapshot(
      this.#pool,
      oldest === undefined ? 0 : performance.now() - oldest,
    );
  }

  reclaim(leaseId: number, reason: string): boolean {
    const client = this.#leased.get(leaseId);
    const connection = client === undefined ? undefined : this.#connections.get(client);
    if (client === undefined || connection === undefined || connection.reclaiming) return false;
    connection.reclaiming = true;
    const destroy = (): void => {
      if (connection.leaseId === leaseId) this.#destroy(client, connection, reason);
    };
    if (isBusy(client)) whenQuiet(client, this.#busyGraceMs, destroy);
    else destroy();
    return true;
  }

  close(): void {
    this.#observers.clear();
    this.#unpatch();
    for (const [event, listener] of Object.entries(this.#listeners)) {
      this.#pool.removeListener(event, listener as (...args: unknown[]) => void);
    }
    this.#closed();
  }

  #unpatch(): void {
    this.#restore?.();
    this.#restore = undefined;
  }

  #checkOut(connect: PgConnect, { entry, forUser, callback }: Checkout): void {
    const leaseId = ++this.#ids;
    const startedAt = performance.now();
    this.#pending.set(leaseId, startedAt);
    this.#tell((observer) => observer.acquiring?.({ leaseId, entry }));
    // pg-pool keeps the callback of a *new* connection alive as long as the connection. It must not keep the user's
    // callback, nor the promise: their closure and its value are the lease.
    let deliver: PgConnectCallback | undefined = callback;
    connect((error, client, release) => {
      const give = deliver;
      deliver = undefined;
      this.#pending.delete(leaseId);
      if (client === undefined || error) {
        this.#rejected(leaseId, error, performance.now() - startedAt);
        give?.(error, undefined, release);
        return;
      }
      const lease = forUser ? leaseOf(client, release) : undefined;
      this.#granted(leaseId, client, release, lease, startedAt);
      give?.(undefined, lease ?? client, lease?.release ?? release);
    });
  }

  #granted(
    leaseId: number,
    client: PgClientLike,
    release: PgRelease,
    lease: object | undefined,
    since: number,
  ): void {
    const now = performance.now();
    const waitedMs = now - since;
    const connection = this.#connectionOf(client);
    if (this.#fresh === client) {
      this.#fresh = undefined;
      this.#counters.connected(waitedMs);
      this.#tell((observer) =>
        observer.created?.({ connectionId: connection.id, tookMs: waitedMs }),
      );
    }
    connection.leaseId = leaseId;
    connection.acquiredAt = now;
    connection.release = release;
    connection.reclaiming = false;
    this.#leased.set(leaseId, client);
    this.#counters.waited(waitedMs);
    const event = { leaseId, connectionId: connection.id, waitedMs };
    this.#tell((observer) =>
      observer.acquired?.(
        observer.tracksLeases && lease !== undefined ? { ...event, lease } : event,
      ),
    );
  }

  #rejected(leaseId: number, error: unknown, waitedMs: number): void {
    const message = error instanceof Error ? error.message : '';
    const timedOut =
      message.startsWith('timeout exceeded') || message.includes('connection timeout');
    if (timedOut) this.#counters.timeouts++;
    else this.#counters.rejections++;
    // What pg-pool rejects before it is told to end is a connect that failed; a wait that timed out is none.
    if (!this.#pool.ending && !message.startsWith('timeout exceeded'))
      this.#counters.createFailures++;
    const code = timedOut ? 'ERR_POOL_ACQUIRE_TIMEOUT' : codeOf(error);
    const event: { code: string; waitedMs: number; leaseId: number } = { code, waitedMs, leaseId };
    this.#tell((observer) => observer.rejected?.(event));
  }

  #onRelease(error: unknown, client: PgClientLike): void {
    this.#counters.releases++;
    const connection = this.#connections.get(client);
    if (connection?.leaseId === undefined) return;
    const { leaseId } = connection;
    connection.leaseId = undefined;
    if (error) connection.doomed ??= 'released-with-error';
    this.#leased.delete(leaseId);
    const heldMs = performance.now() - connection.acquiredAt;
    this.#counters.used(heldMs);
    this.#tell((observer) => observer.released?.({ leaseId, connectionId: connection.id, heldMs }));
  }

  #onRemove(client: PgClientLike): void {
    const connection = this.#connections.get(client);
    if (connection === undefined || connection.gone) return;
    this.#gone(connection, connection.doomed ?? (this.#pool.ending ? 'closing' : 'idle-timeout'));
  }

  #gone(connection: Connection, reason: DestroyReason): void {
    connection.gone = true;
    this.#counters.countDestroyed(reason);
    this.#tell((observer) => observer.destroyed?.({ connectionId: connection.id, reason }));
  }

  #destroy(client: PgClientLike, connection: Connection, reason: string): void {
    // While it closes, its errors are nobody's.
    client.on('error', () => undefined);
    connection.doomed = 'reclaimed';
    connection.release(new Error(`The connection was reclaimed: ${reason}`));
    this.#gone(connection, 'reclaimed');
  }

  #connectionOf(client: PgClientLike): Connection {
    let connection = this.#connections.get(client);
    if (connection === undefined) {
      connection = {
        id: ++this.#ids,
        leaseId: undefined,
        acquiredAt: 0,
        release: () => undefined,
        doomed: undefined,
        gone: false,
        reclaiming: false,
      };
      this.#connections.set(client, connection);
    }
    return connection;
  }

  #tell(what: (observer: LeaseObserver) => void): void {
    for (const observer of this.#observers) {
      try {
        what(observer);
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : String(error), 'FynloObserverWarning');
      }
    }
  }
}

function codeOf(error: unknown): string {
  const code =
    typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'ERR_POOL_CONNECT';
}
