/**
 * What is used of `pg`, as shapes: this package depends on no driver, and works with the version the program has.
 *
 * @module
 */
import type { EventEmitter } from 'node:events';

/** As in pg: with an error the connection is destroyed, else it becomes idle. */
export type PgRelease = (error?: Error | boolean) => void;

/** A checked-out `pg.Client`. The underscored fields are only read, and may be missing. */
export interface PgClientLike extends EventEmitter {
  readonly readyForQuery?: boolean;
  readonly _activeQuery?: unknown;
  readonly _queryQueue?: readonly unknown[];
}

export type PgConnectCallback = (
  error: Error | undefined,
  client: PgClientLike | undefined,
  release: PgRelease,
) => void;

/** A `pg.Pool` (pg-pool 3.6 or later: it tells `release` and `remove`). */
export interface PgPoolLike extends EventEmitter {
  connect(): Promise<unknown>;
  query(text: string): Promise<unknown>;
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
  readonly ending?: boolean;
  readonly ended?: boolean;
  readonly options?: { readonly max?: number | undefined; readonly min?: number | undefined };
}
