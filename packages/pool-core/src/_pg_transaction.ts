/**
 * A function run in a transaction.
 */
import type pg from 'pg';
import { ATLEAST0, type Check, COUNT, FLAG, oneOf } from './_option_checks.ts';
import { activeQueryOf, insideOf } from './_pg_client_inside.ts';
import { ConnectionLostError } from './errors.ts';
import { TransactionRolledBackError } from './pg_errors.ts';
import type { TransactionOptions } from './pg_transaction_options.ts';

/** Of a retry, whose delay doubles. */
const LONGEST_DELAY_MS = 60_000;
const RETRYABLE: ReadonlySet<unknown> = new Set(['40001', '40P01']);
/** What a transaction may be told beside how its connection is acquired. */
export const TRANSACTION: Readonly<Record<string, Check>> = {
  isolationLevel: oneOf(['read committed', 'repeatable read', 'serializable']),
  readOnly: FLAG,
  deferrable: FLAG,
  retries: COUNT,
  retryDelayMs: ATLEAST0,
};

function beginText(options: TransactionOptions): string {
  const { isolationLevel, readOnly, deferrable } = options;
  let text = 'BEGIN';
  if (isolationLevel !== undefined) text += ` ISOLATION LEVEL ${isolationLevel.toUpperCase()}`;
  if (readOnly !== undefined) text += readOnly ? ' READ ONLY' : ' READ WRITE';
  if (deferrable === true) text += ' DEFERRABLE';
  return text;
}

/** Runs `fn` between BEGIN and COMMIT on a client that nobody else uses. What it throws rolls back and is thrown on. */
export async function inTransaction<T>(
  client: pg.PoolClient,
  fn: (client: pg.PoolClient) => Promise<T> | T,
  options: TransactionOptions,
): Promise<T> {
  const begin = beginText(options);
  const { retries = 0, retryDelayMs = 10, signal } = options;
  for (let attempt = 0; ; attempt++) {
    try {
      await client.query(begin);
      const result = await fn(client);
      await commit(client);
      return result;
    } catch (error) {
      // With a statement still running (query_timeout does that), the release ends the transaction, in bounded time.
      if (activeQueryOf(insideOf(client)) === undefined)
        await client.query('ROLLBACK').catch(() => undefined);
      const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : '';
      if (!RETRYABLE.has(code) || attempt >= retries) throw error;
      const delayMs = Math.random() * retryDelayMs * 2 ** attempt;
      await new Promise<void>((resolve) => {
        setTimeout(resolve, Math.min(delayMs, LONGEST_DELAY_MS));
      });
      signal?.throwIfAborted();
    }
  }
}

async function commit(client: pg.PoolClient): Promise<void> {
  // What is lost already is not told any more: pg refuses the COMMIT itself.
  const sent = insideOf(client)._queryable !== false;
  let answer: pg.QueryResult;
  try {
    answer = await client.query('COMMIT');
  } catch (error) {
    const { severity, code } = (error ?? {}) as Record<string, unknown>;
    // A server that answers has decided. One that is ended may have committed before (where it waits for a standby, say), and
    // so may one in whose place a pooler speaks.
    if (severity !== undefined && !/^(08|57P)/.test(String(code))) throw error;
    const when = sent ? 'while COMMIT was under way' : 'before COMMIT';
    throw new ConnectionLostError(`The connection was lost ${when}`, {
      maybeExecuted: sent,
      cause: error,
    });
  }
  if (answer.command === 'ROLLBACK') throw new TransactionRolledBackError();
}
