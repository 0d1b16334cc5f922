/**
 * Stands before the `connect` and `query` of one plain `pg.Pool`.
 *
 * @module
 */
import type { PgConnectCallback, PgPoolLike } from './pg_shapes.ts';

/** One checkout that was asked for. */
export class Checkout {
  readonly startedAt: number = performance.now();
  leaseId = 0;
  /** The user's function that was called. */
  // biome-ignore lint/complexity/noBannedTypes: Error.captureStackTrace asks for exactly this
  readonly entry: Function;
  /** False for the one that `pool.query()` makes for itself: its client never gets to the user. */
  readonly forUser: boolean;
  #callback: PgConnectCallback | undefined;

  constructor(entry: Checkout['entry'], forUser: boolean, callback: PgConnectCallback) {
    this.entry = entry;
    this.forUser = forUser;
    this.#callback = callback;
  }

  /**
   * Gives up the callback, once. pg-pool keeps what it calls back for a *new* connection alive as long as the connection:
   * that must keep neither the user's callback nor a promise, whose closure and value are the lease.
   */
  takeCallback(): PgConnectCallback | undefined {
    const callback = this.#callback;
    this.#callback = undefined;
    return callback;
  }
}

export type PgConnect = (callback: PgConnectCallback) => void;

/**
 * Puts functions of ours before the pool's own, as properties of this one pool.
 *
 * @param checkOut carries a checkout out by calling the pool's own `connect`
 * @returns puts the pool's own back
 */
export function patchPgPool(
  target: PgPoolLike,
  checkOut: (connect: PgConnect, checkout: Checkout) => void,
): () => void {
  const pool = target as PgPoolLike & { connect: unknown; query: unknown };
  const before = {
    connect: Object.getOwnPropertyDescriptor(pool, 'connect'),
    query: Object.getOwnPropertyDescriptor(pool, 'query'),
  };
  const originalConnect = (pool.connect as unknown as PgConnect).bind(pool);
  const originalQuery = pool.query as unknown as (...args: unknown[]) => unknown;
  // pool.query() calls this.connect() within its own call.
  let querying = false;
  const connect = (callback?: PgConnectCallback): unknown => {
    if (callback !== undefined) {
      const forUser = !querying;
      querying = false;
      checkOut(originalConnect, new Checkout(forUser ? connect : query, forUser, callback));
      return undefined;
    }
    return new Promise<unknown>((resolve, reject) => {
      const settle: PgConnectCallback = (error, client) =>
        error ? reject(error) : resolve(client);
      checkOut(originalConnect, new Checkout(connect, true, settle));
    }).catch(leadToCaller);
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
  return () => {
    // Somebody who wrapped it after us keeps our function; with no observer it passes everything on.
    if ((pool.connect as unknown) === connect) putBack(pool, 'connect', before.connect);
    if ((pool.query as unknown) === query) putBack(pool, 'query', before.query);
  };
}

/** As pg-pool: the stack of a connect error leads to the caller instead of to the socket. */
function leadToCaller(error: unknown): never {
  if (error instanceof Error) Error.captureStackTrace(error);
  throw error;
}

function putBack(pool: object, name: string, descriptor: PropertyDescriptor | undefined): void {
  if (descriptor === undefined) Reflect.deleteProperty(pool, name);
  else Object.defineProperty(pool, name, descriptor);
}
