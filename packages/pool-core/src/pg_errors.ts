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

/**
 * Every client of the pool is held by a caller that waits for a further one, so none can come back: one of them is refused
 * (`detectNestedAcquire`).
 */
export class NestedAcquireError extends PoolError {
  override readonly name: string = 'NestedAcquireError';
  /** Where the refused caller asked for its further client. */
  readonly waiterStack: string;
  /** Where it had asked for the one it holds. */
  readonly holderStack: string;

  constructor(size: number, holderStack: string, waiterStack: string) {
    super(
      'ERR_POOL_NESTED_ACQUIRE',
      `All ${size} clients of the pool are held by callers that wait for another one: use the client you have. ` +
        `It was asked for here:\n${holderStack}\nand the other one here:\n${waiterStack}`,
    );
    this.waiterStack = waiterStack;
    this.holderStack = holderStack;
  }
}

/** `pipelining` was asked for with a Client that cannot: pg before 8.23, pg-native, or something else. */
export class PipeliningUnsupportedError extends PoolError {
  override readonly name: string = 'PipeliningUnsupportedError';

  constructor(client: string) {
    super(
      'ERR_POOL_PIPELINING_UNSUPPORTED',
      `pipelining needs the Client of pg 8.23 or later, and not pg-native's; here it is ${client}. Update pg, or leave pipelining off`,
    );
  }
}

/** One server that was tried, and why it was not taken. */
export interface HostAttempt {
  readonly host: string;
  readonly port: number;
  /** Where the name led; the host itself where it was not resolved. */
  readonly address: string;
  readonly reason: string;
  /** The error it failed with; undefined where it did not answer in time, or is not what is wanted. */
  readonly error?: unknown;
}

/**
 * No server of the list could be connected to and is what `targetSessionAttrs` and `maxReplicaLagMs` want. The pool goes on
 * trying: callers with a time limit get it as the `cause` of their AcquireTimeoutError. Its own `cause` is the first error met.
 */
export class NoSuitableHostError extends PoolError {
  override readonly name: string = 'NoSuitableHostError';
  readonly wanted: string;
  /** In the order they were tried. */
  readonly attempts: readonly HostAttempt[];

  constructor(
    wanted: string,
    attempts: readonly HostAttempt[],
    nameOf: (attempt: HostAttempt) => string,
  ) {
    const told = attempts.map((attempt) => `${nameOf(attempt)} ${outcomeOf(attempt)}`);
    const cause = attempts.find(({ error }) => error !== undefined)?.error;
    super(
      'ERR_POOL_NO_SUITABLE_HOST',
      `No server will do (targetSessionAttrs ${wanted}): ${told.join('; ')}`,
      cause === undefined ? undefined : { cause },
    );
    this.wanted = wanted;
    this.attempts = attempts;
  }
}

function outcomeOf({ reason, error }: HostAttempt): string {
  return error === undefined ? reason : `failed: ${reason}`;
}

/** `minLsn`: the standby did not replay that far in time. Take the primary, or wait longer. */
export class ReplicaBehindError extends PoolError {
  override readonly name: string = 'ReplicaBehindError';
  /** What was asked for. */
  readonly minLsn: string;
  /** How far the server had come. */
  readonly replayedLsn: string | undefined;
  readonly server: string;

  constructor(fields: {
    minLsn: string;
    replayedLsn: string | undefined;
    server: string;
    waitedMs: number;
  }) {
    const { minLsn, replayedLsn, server, waitedMs } = fields;
    super(
      'ERR_POOL_REPLICA_BEHIND',
      `${server} has not replayed ${minLsn} after ${Math.round(waitedMs)} ms; it is at ${replayedLsn ?? 'an unknown position'}`,
    );
    this.minLsn = minLsn;
    this.replayedLsn = replayedLsn;
    this.server = server;
  }
}
