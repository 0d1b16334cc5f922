/**
 * One statement on a client that nobody else has: `pool.query()`.
 */
import type pg from 'pg';
import { requestCancel } from './_pg_cancel.ts';
import type { Release } from './_pg_checkout.ts';
import { recordOf } from './_pg_client_record.ts';
import { sendPlain } from './_pg_one_shot.ts';
import { afterQueryError, saysServerReadsOnly } from './_pg_query_error_policy.ts';
import { QueryAbortedError } from './pg_errors.ts';

export type QueryCallback = (error: Error | undefined, result?: unknown) => void;

/** Hands a statement to its client. */
export type Send = (
  client: pg.PoolClient,
  text: unknown,
  values: unknown,
  finish: QueryCallback,
) => void;

export interface QueryRules {
  readonly discardOnQueryError: boolean;
  /** Where statements are named or learned about; else they go straight to the client. */
  readonly send?: Send | undefined;
  /** The server turned out to read only: told before the client goes back. */
  readonly roleLost: (client: pg.ClientBase) => void;
}

/** Who hears, once, that a statement is over. */
export interface Ending {
  /** @param cost what the connection has to be closed for, if anything */
  ended(cost: unknown, error: Error | undefined, result: unknown): void;
}

/** Runs one statement. Never throws, unless the ending does. */
export function run(
  client: pg.PoolClient,
  text: unknown,
  values: unknown,
  rules: QueryRules,
  ending: Ending,
): void {
  let over = false;
  const record = recordOf(client);
  // One function for all ways to end: each that is made takes its share of every query.
  const finish = (error: Error | null | undefined, result?: unknown, lost = false): void => {
    if (over) return;
    over = true;
    if (record !== undefined) record.onError = undefined;
    if (error) {
      const cost = lost || costsConnection(client, error, rules) ? error : undefined;
      ending.ended(cost, error, undefined);
    } else ending.ended(undefined, undefined, result);
  };
  if (record !== undefined) record.onError = finish;
  try {
    if (rules.send === undefined) sendPlain(client, text, values, finish);
    else rules.send(client, text, values, finish);
  } catch (error) {
    finish(error as Error, undefined, true);
  }
}

/** Whether the connection has to go after this error of a statement. */
export function costsConnection(client: pg.ClientBase, error: Error, rules: QueryRules): boolean {
  if (saysServerReadsOnly(error)) rules.roleLost(client);
  return rules.discardOnQueryError || afterQueryError(error) === 'destroy';
}

const QUERY_CANCELED = '57014';

/** How long the server may take to be asked, and then to answer. */
const CANCEL_MS = 5_000;

/**
 * The same, with a signal that stops the statement on the server. The client goes back only when the server has both
 * answered the statement and taken the cancel request, so that the request cannot hit the next statement; a server that does
 * neither in time costs the connection. A statement that was faster than its cancel has been executed: its result is given.
 */
export function abortableQueryOnce(
  client: pg.PoolClient,
  done: Release,
  text: unknown,
  values: unknown,
  rules: QueryRules & { readonly stream: unknown },
  signal: AbortSignal,
  reply: QueryCallback,
): void {
  let cancelling: Promise<boolean> | undefined;
  let giveUp: NodeJS.Timeout | undefined;
  let over = false;
  const answer = (cost: unknown, error: Error | undefined, result?: unknown): void => {
    if (over) return;
    over = true;
    clearTimeout(giveUp);
    signal.removeEventListener('abort', abort);
    void done(cost);
    reply(error, result);
  };
  const abort = (): void => {
    const unconfirmed = (): void => {
      const error = new QueryAbortedError({ maybeExecuted: true, cause: signal.reason });
      answer(error, error);
    };
    cancelling = requestCancel(client, rules.stream, CANCEL_MS);
    void cancelling.then((asked) => {
      if (!asked) unconfirmed();
      else if (!over) giveUp = setTimeout(unconfirmed, CANCEL_MS);
    });
  };
  signal.addEventListener('abort', abort, { once: true });
  run(client, text, values, rules, {
    ended(cost, error, result) {
      if (cancelling === undefined) {
        answer(cost, error, result);
        return;
      }
      const told =
        error && 'code' in error && error.code === QUERY_CANCELED
          ? new QueryAbortedError({ maybeExecuted: false, cause: signal.reason })
          : error;
      void cancelling.then((asked) => answer(asked ? cost : (told ?? true), told, result));
    },
  });
}
