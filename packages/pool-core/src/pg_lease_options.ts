/** How a connection is asked for. */
export interface GetConnectionOptions {
  /** Ends the wait. */
  readonly signal?: AbortSignal;
  /** How long to wait, in ms; Infinity: for as long as it takes. @default the pool's `connectionTimeoutMillis` */
  readonly timeoutMs?: number;
  /** What this use is called in errors and reports. */
  readonly label?: string;
  /**
   * A position of another pool's `writePosition()`: a standby is lent only once it has replayed that far, so that the caller
   * sees what was written. Waits for it within the same time limit.
   */
  readonly minLsn?: string;
}
