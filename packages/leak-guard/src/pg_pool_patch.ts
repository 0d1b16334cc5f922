/**
 * Stands before the `connect` and `query` of one plain `pg.Pool`.
 *
 * @module
 */
import type { PgConnectCallback, PgPoolLike } from './pg_shapes.ts';

/** One checkout that was asked for. */
export interface Checkout {
  /** The user's function that was called. */
  // biome-ignore lint/complexity/noBannedTypes: Error.captureStackTrace asks for exactly this
  readonly entry: Function;
  /** False for the one that `pool.query()` makes for itself: its client never gets to the user. */
  readonly forUser: boolean;
  /** To be called once. */
  readonly callback: PgConnectCallback;
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
    const forUser = !querying;
    querying = false;
    if (callback !== undefined) {
      checkOut(originalConnect, { entry: forUser ? connect : query, forUser, callback });
      return undefined;
    }
    return promised((settle) =>
      checkOut(originalConnect, { entry: connect, forUser, callback: settle }),
    );
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

function promised(run: (settle: PgConnectCallback) => void): Promise<unknown> {
  return new Promise<unknown>((resolve, reject) => {
    run((error, client) => (error ? reject(error) : resolve(client)));
  }).catch((error: unknown) => {
    // As pg-pool: a stack that leads to the caller instead of to the socket.
    if (error instanceof Error) Error.captureStackTrace(error);
    throw error;
  });
}

function putBack(pool: object, name: string, descriptor: PropertyDescriptor | undefined): void {
  if (descriptor === undefined) Reflect.deleteProperty(pool, name);
  else Object.defineProperty(pool, name, descriptor);
}
