import type { Readable, Writable } from 'node:stream';
import type { Client } from 'pg';

export type Row = Readonly<Record<string, unknown>>;

/** A connection that is lent. */
export interface FaultClient {
  query(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** The rows of a statement, so many at a time. */
  batches(text: string, rows: number): AsyncIterableIterator<readonly Row[]>;
  /** `copy … from stdin` */
  copyIn(text: string): Promise<Writable>;
  /** `copy … to stdout` */
  copyOut(text: string): Promise<Readable>;
  /** The pg Client below; undefined where there is none. */
  readonly pg?: Client;
  /** Gives it back as the library's documentation shows it: as broken, after a query that failed with its connection. */
  release(): unknown;
  /** Gives it back to be closed; undefined where the library has no such call. */
  destroy?(): unknown;
}

/** What every pool under test can do, in its own best documented way. */
export interface FaultPool {
  query(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  acquire(): Promise<FaultClient>;
  /** Connections that it believes to have; undefined where the library does not tell. */
  size?(): number;
  /** A statement that the server is to prepare once a connection. */
  prepared?(text: string, values: readonly unknown[]): Promise<readonly Row[]>;
  /** A statement that is stopped on the server after so long. */
  stoppedAfter?(text: string, ms: number): Promise<readonly Row[]>;
  /** A transaction by the library's own call: it says BEGIN and, where the work does not throw, COMMIT. */
  transaction?(work: (query: FaultClient['query']) => Promise<void>): Promise<void>;
  /** Lends, and takes back to the pool, a client of another pool. */
  takeBack?(foreign: FaultClient): unknown;
  /** What it does not keep of its own promises about states and counts, in words. */
  violations?(): readonly string[];
  end(): Promise<unknown>;
  /** An end that does not wait longer than this for what is lent. */
  endWithin?(graceMs: number): Promise<unknown>;
}

export interface FaultPoolOptions {
  readonly databaseUrl: string;
  readonly max: number;
  /** How long an acquire may wait, ms. */
  readonly acquireTimeoutMs: number;
  /** How long a connect may take, ms. @default acquireTimeoutMs */
  readonly connectTimeoutMs?: number;
  /** Whether the server must speak TLS. @default false */
  readonly tls?: boolean;
  /** Awaited for each new connection before its first use. */
  readonly onConnect?: (query: FaultClient['query']) => Promise<void>;
  /** Whether the pool's and its clients' `error` events are listened to, as the documentation asks for. @default true */
  readonly listens?: boolean;
  /** Whether statements share connections, which a library may do by itself. @default false */
  readonly pipelining?: boolean;
  /** Asked for the password of a login, in place of the one in `databaseUrl`. */
  readonly password?: () => Promise<string>;
  /** Servers that take each other's place, in place of the one in `databaseUrl`, and what is wanted of them. */
  readonly servers?: FaultServers;
  /** Whether a server that only reads is of no use; who can ask for one that writes does. @default false */
  readonly writable?: boolean;
  /**
   * The age at which connections are to be replaced, ms; with a spread, where the library's documentation has one.
   * @default Infinity
   */
  readonly maxLifetimeMs?: number;
  /**
   * By how much the times are multiplied in which the library does something by itself (closes or checks idle connections, looks at
   * names): below 1 where a case's minutes pass as seconds, above where connections are to be left alone.
   * @default 1
   */
  readonly idleTimesBy?: number;
  /** Whether all connections are to stay open, where checks (rather than closing what is idle) are asked about. @default false */
  readonly warm?: boolean;
  /** Whether it is to find its size by itself, where the library has more for that than an idle timeout. @default false */
  readonly sizesItself?: boolean;
  /** Whether checks are on that are meant for development. @default false */
  readonly development?: boolean;
}

/** A list of servers, for those that take one. */
export interface FaultServers {
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly role: 'read-write' | 'prefer-standby';
  /** A standby further behind than this is not to be read from, ms. */
  readonly maxReplicaLagMs?: number;
}

/** A pool library at its best documented settings; loaded when a pool is opened, not before. */
export interface FaultSubject {
  readonly name: string;
  /** As the matrix states them. */
  readonly settings: string;
  /** Whether an acquire has a deadline: the oracle holds it to it. */
  readonly keepsDeadlines: boolean;
  /** Whether its errors promise to say, as `maybeExecuted`, whether a statement may have been executed. @default false */
  readonly flagsExecuted?: boolean;
  open(options: FaultPoolOptions): Promise<FaultPool>;
}
