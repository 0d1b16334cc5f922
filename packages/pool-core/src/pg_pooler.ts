/**
 * What may stand between `Pool` and its server, and what that means.
 *
 * @module
 */

/** Poolers that are told apart. `none`: nothing was found; `unknown`: something is there that none of the rest was seen to be. */
export type PoolerName =
  | 'none'
  | 'pgbouncer'
  | 'pgcat'
  | 'pgdog'
  | 'odyssey'
  | 'supavisor'
  | 'rds-proxy'
  | 'unknown';

/** When a client gives its server connection back: when it goes, after each transaction, after each statement. */
export type PoolerMode = 'session' | 'transaction' | 'statement';

/** What a user knows of the pooler that he connects to. */
export interface PoolerClaim {
  /** @default 'unknown' */
  readonly name?: Exclude<PoolerName, 'none'>;
  readonly mode: PoolerMode;
  /** Whether it answers statements that are sent without waiting for one another. @default what is known of `name` */
  readonly pipelining?: boolean;
  /** Whether it keeps named statements between transactions. @default whether it keeps sessions */
  readonly namedStatements?: boolean;
}

/** What stands between the pool and its server, and what is safe through it. */
export interface PoolerVerdict {
  readonly name: PoolerName;
  /** Absent where nothing stands in between, or it could not be found out. */
  readonly mode?: PoolerMode;
  /** Whether it was found out or stated. Otherwise it is presumed from what came without asking. */
  readonly settled: boolean;
  /** Statements may be sent without waiting for one another. */
  readonly pipelining: boolean;
  /** A statement that was given a name is still there in the next transaction. */
  readonly namedStatements: boolean;
  /** Settings, LISTEN, temporary tables and advisory locks outlive a transaction, and are this connection's alone. */
  readonly sessionState: boolean;
  /** The process id that a client was told is that of its backend: `pg_stat_activity` can be asked about it. */
  readonly backendPids: boolean;
  /** In words: how it was found out, and why something is not safe. */
  readonly reasons: readonly string[];
}
