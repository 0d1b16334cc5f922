/**
 * What `Pool` throws beside the engine's errors.
 *
 * @module
 */
import { PoolError } from './errors.ts';

/** The AbortSignal of a query fired. `cause` is the signal's reason. */
export class QueryAbortedError extends PoolError {
  override readonly name: string = 'QueryAbortedError';
  /** False: the server has confirmed that it stopped. True: it could not be asked, or did not answer. */
  readonly maybeExecuted: boolean;

  constructor(options: { maybeExecuted: boolean; cause: unknown }) {
    super(
      'ERR_POOL_QUERY_ABORTED',
      options.maybeExecuted
        ? 'The query was aborted by its signal; the server did not confirm, so it may have been executed'
        : 'The query was aborted by its signal; the server has stopped it',
      { cause: options.cause },
    );
    this.maybeExecuted = options.maybeExecuted;
  }
}

/**
 * The server answered COMMIT with a rollback: a statement had failed, and the function had caught its error. pg reports
 * such a COMMIT as a success.
 */
export class TransactionRolledBackError extends PoolError {
  override readonly name: string = 'TransactionRolledBackError';

  constructor() {
    super(
      'ERR_POOL_TRANSACTION_ROLLED_BACK',
      'The transaction was rolled back by COMMIT: a statement in it had failed, and its error was not thrown on',
    );
  }
}
