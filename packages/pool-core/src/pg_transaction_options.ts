/**
 * How a transaction is run.
 *
 * @module
 */

/** How `transaction()` runs its function. */
export interface TransactionOptions {
  /** @default the server's `default_transaction_isolation` */
  readonly isolationLevel?: 'read committed' | 'repeatable read' | 'serializable';
  /** @default the server's `default_transaction_read_only` */
  readonly readOnly?: boolean;
  /** With serializable and read only: waits for a snapshot that cannot fail. @default false */
  readonly deferrable?: boolean;
  /**
   * How often the function is run again, on the same connection, after a serialization failure (40001) or a deadlock
   * (40P01). It must be safe to run again.
   * @default 0
   */
  readonly retries?: number;
  /**
   * Before the first retry this is waited, in ms, doubled each time, at random between nothing and that (full jitter, as in AWS's
   * "Exponential backoff and jitter").
   * @default 10
   */
  readonly retryDelayMs?: number;
  /** Ends the wait for a connection, and keeps a retry from starting. A statement that runs is not cancelled. */
  readonly signal?: AbortSignal;
  /** How long to wait for the connection, in ms. @default the pool's `connectionTimeoutMillis` */
  readonly timeoutMs?: number;
  /** What this use is called in errors and reports. */
  readonly label?: string;
  /** See `getConnection()`. */
  readonly minLsn?: string;
}
