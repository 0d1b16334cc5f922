import type {
  DestroyReason,
  EvictablePool,
  ObservablePool,
  PoolStats,
} from '@fynlo/pool-core/contract';
import { UnsupportedError } from './errors.ts';
import { leaseOf } from './pg_client_lease.ts';
import { PgPoolCounters } from './pg_pool_counters.ts';
import type { PgClientLike, PgConnectCallback, PgPoolLike, PgRelease } from './pg_shapes.ts';
import type { AcquiringEvent, LeaseObserver } from './pool_attachment.ts';

export interface GuardPgPoolOptions {
  /** How long a reclaim waits for the statement in flight before it destroys the connection, ms. @default 10000, range 0..3600000 */
  readonly busyGraceMs?: number;
}

/** A plain `pg.Pool` as the guard wants it. */
export interface GuardedPgPool extends ObservablePool, EvictablePool {
  /** Takes everything off the pool again: it is as before. Harmless when called again. */
  close(): void;
}

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

const DEFAULT_BUSY_GRACE_MS = 10_000;
const guarded = new WeakMap<object, PgPoolAdapter>();

/**
 * Makes a plain `pg.Pool` fit for `MemoryLeakPrevention.attach()`: nothing else of the program changes.
 *
 * While somebody observes, `pool.connect()` gives out a stand-in for the client, one for each checkout, since only an
 * object that the pool does not keep itself can be proven lost. A stand-in is an `instanceof` the client's class and
 * behaves as the client does; only `===` between two checkouts does not hold (`pgClientOf()` gives the client). What
 * `pool.query()` checks out for itself stays as it is.
 *
 * A reclaimed connection is always destroyed, an idle one too: what session state its holder left, and which listeners,
 * cannot be known, and `DISCARD ALL` would also drop prepared statements that pg goes on to use.
 *
 * @throws UnsupportedError when `pool` lacks what is needed of a `pg.Pool`
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { guardPgPool } from '@fynlo/leak-guard';
 * import pg from 'pg';
 *
 * const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
 * const guarded = guardPgPool(pool);
 * let acquires = 0;
 * const stop = guarded.observe({ acquired: () => void acquires++ });
 * await pool.query('select 1');
 * assert.equal(acquires, 1);
 * assert.equal(guarded.stats().idle, 1);
 * stop();
 * await pool.end();
 * ```
 */
export function guardPgPool(pool: PgPoolLike, options: GuardPgPoolOptions = {}): GuardedPgPool {
  for (const method of ['connect', 'query', 'on', 'removeListener'] as const) {
    if (typeof pool?.[method] !== 'function') {
      throw new UnsupportedError(
        `guardPgPool() wants a pg.Pool; the object given has no ${method}()`,
      );
    }
  }
  const busyGraceMs = options.busyGraceMs ?? DEFAULT_BUSY_GRACE_MS;
  let adapter = guarded.get(pool);
  if (adapter === undefined) {
    adapter = new PgPoolAdapter(pool, busyGraceMs);
    guarded.set(pool, adapter);
  }
  return adapter;
}

type Connect = (callback: PgConnectCallback) => void;

class PgPoolAdapter implements GuardedPgPool {
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
  #ids = 0;
  #restore: (() => void) | undefined;
  #fresh: PgClientLike | undefined;

  constructor(pool: PgPoolLike, busyGraceMs: number) {
    this.#pool = pool;
    this.#busyGraceMs = busyGraceMs;
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
    this.#patch();
    return () => {
      this.#observers.delete(observer);
      if (this.#observers.size === 0) this.#restore?.();
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
    this.#restore?.();
    for (const [event, listener] of Object.entries(this.#listeners)) {
      this.#pool.removeListener(event, listener as (...args: unknown[]) => void);
    }
    guarded.delete(this.#pool);
  }

  /** Puts our `connect` and `query` before the pool's, as own properties of this one pool. */
  #patch(): void {
    if (this.#restore !== undefined) return;
    const pool = this.#pool as PgPoolLike & { connect: unknown; query: unknown };
    const before = {
      connect: Object.getOwnPropertyDescriptor(pool, 'connect'),
      query: Object.getOwnPropertyDescriptor(pool, 'query'),
    };
    const originalConnect = (pool.connect as unknown as Connect).bind(pool);
    const originalQuery = pool.query as unknown as (...args: unknown[]) => unknown;
    // pool.query() calls this.connect() within its own call; what it checks out never gets to the user.
    let querying = false;
    const connect = (callback?: PgConnectCallback): unknown => {
      const own = querying;
      querying = false;
      const entry = own ? query : connect;
      if (callback !== undefined) {
        this.#acquire(originalConnect, callback, entry, !own);
        return undefined;
      }
      return this.#promise(originalConnect, entry);
    };
    const query = (...args: unknown[]): unknown => {
      querying = true;
      try {
        return originalQuery.apply(pool, args);
      } finally {
        querying = false;
      }
    };
    Object.assign(pool, { connect, query });
    this.#restore = () => {
      this.#restore = undefined;
      // Somebody who wrapped it after us keeps our function; it then passes through.
      if ((pool.connect as unknown) === connect) putBack(pool, 'connect', before.connect);
      if ((pool.query as unknown) === query) putBack(pool, 'query', before.query);
    };
  }

  #promise(connect: Connect, entry: NonNullable<AcquiringEvent['entry']>): Promise<unknown> {
    return new Promise<unknown>((resolve, reject) => {
      this.#acquire(
        connect,
        (error, lease) => (error === undefined || error === null ? resolve(lease) : reject(error)),
        entry,
        true,
      );
    }).catch((error: unknown) => {
      // As pg-pool: a stack that leads to the caller instead of to the socket.
      if (error instanceof Error) Error.captureStackTrace(error);
      throw error;
    });
  }

  #acquire(
    connect: Connect,
    callback: PgConnectCallback,
    entry: NonNullable<AcquiringEvent['entry']>,
    withLease: boolean,
  ): void {
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
      const lease = withLease ? leaseOf(client, release) : undefined;
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

function isBusy(client: PgClientLike): boolean {
  const { _activeQuery: active, _queryQueue: queue, readyForQuery } = client;
  return (
    (active !== null && active !== undefined) || (queue?.length ?? 0) > 0 || readyForQuery === false
  );
}

/** Calls `then` once: when the client has nothing left to do, when it is gone, or when the time is over. */
function whenQuiet(client: PgClientLike, atMostMs: number, then: () => void): void {
  const done = (): void => {
    clearTimeout(timer);
    client.removeListener('drain', done);
    client.removeListener('end', done);
    then();
  };
  const timer = setTimeout(done, atMostMs).unref();
  client.on('drain', done);
  client.on('end', done);
}

function codeOf(error: unknown): string {
  const code =
    typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'ERR_POOL_CONNECT';
}

function putBack(pool: object, name: string, descriptor: PropertyDescriptor | undefined): void {
  if (descriptor === undefined) Reflect.deleteProperty(pool, name);
  else Object.defineProperty(pool, name, descriptor);
}
