/**
 * Bounds what one query may bring into memory.
 *
 * `pg` buffers a whole result set: a million rows of a 226 MB table took 577 MB, and 70–130 ms collections. Here the
 * server is asked for one portion at a time (Execute with a row limit, as a cursor does), so a statement that passes its
 * budget is ended after the portion that passed it, without a second connection to cancel it, and its connection goes on.
 *
 * @module
 */

import { type PgQueryClass, type Portion, PortionedQuery } from './_portioned_query.ts';
import { InvalidOptionError, ResultTooLargeError, UnsupportedError } from './errors.ts';

export interface ResultBudgetOptions {
  /** Rows that one result, or one portion, may have. @default Infinity, from 1 */
  readonly maxRows?: number;
  /**
   * Bytes of rows on the wire that one result, or one portion, may have. As objects they take about five times as much.
   * @default 16777216, from 1
   */
  readonly maxBytes?: number;
  /** `error` rejects with ResultTooLargeError; `cursor` gives the first portion and a way to read the rest. @default 'error' */
  readonly onExceed?: 'error' | 'cursor';
}

/** A `pg.Client`, or what `pool.connect()` gave. Not one with `pipeline: true`, and not `pg-native`'s. */
export interface QueryableClient {
  query(query: never): unknown;
}

export interface BudgetedResult<R> {
  /** All rows, or the first portion of them. */
  readonly rows: R[];
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[];
  /** Of `rows`, on the wire. */
  readonly bytes: number;
  /** False: there is more, the client is busy with this statement until `rest()` has ended or `close()` was called. */
  readonly complete: boolean;
  /** The portions after the first; leaving the loop early closes the statement. */
  rest(): AsyncGenerator<R[], void, undefined>;
  /** Ends the statement; the client is free when it resolves. Harmless when it is complete. */
  close(): Promise<void>;
}

export interface ResultBudget {
  /**
   * Runs one statement within the budget.
   *
   * @throws ResultTooLargeError when the result passes it and `onExceed` is `error`
   * @throws UnsupportedError when the client cannot be asked for portions
   */
  query<R = Record<string, unknown>>(
    client: QueryableClient,
    text: string,
    values?: readonly unknown[],
  ): Promise<BudgetedResult<R>>;
}

const DEFAULT_MAX_BYTES = 16_777_216;

/**
 * Makes a budget that any number of queries may use, each for itself.
 *
 * @throws InvalidOptionError for an unknown option or a value outside its range
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { resultBudget } from '@fynlo/leak-guard';
 * import pg from 'pg';
 *
 * const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
 * await client.connect();
 * const budget = resultBudget({ maxRows: 1_000 });
 * const small = await budget.query(client, 'select i from generate_series(1, $1::int) i', [10]);
 * assert.equal(small.rows.length, 10);
 * await assert.rejects(budget.query(client, 'select i from generate_series(1, 1000000) i'), {
 *   code: 'ERR_LEAK_GUARD_RESULT_TOO_LARGE',
 * });
 * await client.end();
 * ```
 */
export function resultBudget(options: ResultBudgetOptions = {}): ResultBudget {
  const maxRows = atLeastOne('maxRows', options.maxRows ?? Number.POSITIVE_INFINITY);
  const maxBytes = atLeastOne('maxBytes', options.maxBytes ?? DEFAULT_MAX_BYTES);
  const onExceed = options.onExceed ?? 'error';
  if (onExceed !== 'error' && onExceed !== 'cursor') {
    throw new InvalidOptionError('onExceed', onExceed, 'one of error, cursor');
  }
  const known = ['maxRows', 'maxBytes', 'onExceed'];
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw new InvalidOptionError(unknown, 'given', `one of the known options: ${known.join(', ')}`);
  }

  return {
    async query<R>(client: QueryableClient, text: string, values?: readonly unknown[]) {
      const query = new PortionedQuery<R>(queryClassOf(client), text, values, {
        maxRows,
        maxBytes,
        allOrNothing: onExceed === 'error',
      });
      (client.query as (query: unknown) => unknown)(query.submittable);
      const portion = await query.next();
      if (!portion.last && onExceed === 'error') {
        await query.close();
        const seen = { rows: portion.count, bytes: portion.bytes, text };
        throw new ResultTooLargeError(seen, { maxRows, maxBytes });
      }
      return new Result(query, portion);
    },
  };
}

class Result<R> implements BudgetedResult<R> {
  readonly rows: R[];
  readonly fields: BudgetedResult<R>['fields'];
  readonly bytes: number;
  readonly complete: boolean;
  readonly #query: PortionedQuery<R>;

  constructor(query: PortionedQuery<R>, portion: Portion<R>) {
    this.rows = portion.rows;
    this.fields = query.fields;
    this.bytes = portion.bytes;
    this.complete = portion.last;
    this.#query = query;
  }

  async *rest(): AsyncGenerator<R[], void, undefined> {
    try {
      for (;;) {
        const { rows, last } = await this.#query.next();
        if (rows.length > 0) yield rows;
        if (last) return;
      }
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    await this.#query.close();
  }
}

/** `pg.Client.Query`, which pg exposes on the class: no import of pg is needed, and the program's own version is used. */
function queryClassOf(client: QueryableClient): PgQueryClass {
  const shape = client as {
    constructor?: { Query?: unknown };
    pipeline?: boolean;
    native?: unknown;
  };
  const queryClass = shape.constructor?.Query;
  const usable =
    typeof queryClass === 'function' && 'handlePortalSuspended' in queryClass.prototype;
  if (!usable || shape.native !== undefined) {
    throw new UnsupportedError(
      'resultBudget() wants a pg.Client of the JavaScript driver; this one has no usable Query class',
    );
  }
  if (shape.pipeline === true) {
    throw new UnsupportedError(
      'A client with pipeline: true cannot hold a statement open between portions; use another one',
    );
  }
  return queryClass as PgQueryClass;
}

function atLeastOne(field: string, value: number): number {
  if (typeof value !== 'number' || !(value >= 1))
    throw new InvalidOptionError(field, value, 'a number from 1');
  return value;
}
