/**
 * One statement, read in portions over one connection.
 *
 * @module
 */
import type { EventEmitter } from 'node:events';
import { isExceeded, isFull, nextRequestRows } from './_portion_policy.ts';

/** What pg's `Connection` is asked for. */
interface PgConnection {
  execute(message: { portal: string; rows: number }): void;
  flush(): void;
  close(message: { type: 'P'; name: string }): void;
  sync(): void;
}

/** What is used of pg's `Query`, and stepped into. */
interface PgQuery extends EventEmitter {
  rows: number;
  readonly portal: string;
  _accumulateRows?: boolean;
  handleRowDescription(message: { fields: Field[] }): void;
  handleDataRow(message: { length: number }): void;
  handlePortalSuspended(connection: PgConnection): void;
  handleCommandComplete(message: unknown, connection: PgConnection): void;
  handleEmptyQuery(connection: PgConnection): void;
  handleError(error: Error & { severity?: string }, connection: PgConnection): void;
}

interface Field {
  readonly name: string;
  readonly dataTypeID: number;
}

export type PgQueryClass = new (config: {
  text: string;
  values: readonly unknown[] | undefined;
  rows: number;
  callback: (error: Error | null) => void;
}) => PgQuery;

export interface Portion<R> {
  readonly rows: R[];
  /** Rows received, dropped ones included. */
  readonly count: number;
  readonly bytes: number;
  /** The statement has ended, the client is free. */
  readonly last: boolean;
}

export interface PortionLimits {
  readonly maxRows: number;
  readonly maxBytes: number;
  /** Ask for one row beyond the budget, and drop what passes it: for a caller who wants all or nothing. */
  readonly allOrNothing: boolean;
}

interface Waiter<R> {
  resolve(portion: Portion<R>): void;
  reject(error: Error): void;
}

/** Give `submittable` to `client.query()`, then take portions with `next()`. */
export class PortionedQuery<R> {
  readonly #limits: PortionLimits;
  readonly #query: PgQuery;
  readonly #waiters: Waiter<R>[] = [];
  #rows: R[] = [];
  #count = 0;
  #bytes = 0;
  #suspended: PgConnection | undefined;
  #synced = false;
  #ended = false;
  #error: Error | undefined;
  fields: readonly Field[] = [];

  constructor(
    queryClass: PgQueryClass,
    text: string,
    values: readonly unknown[] | undefined,
    limits: PortionLimits,
  ) {
    this.#limits = limits;
    this.#query = new queryClass({
      text,
      values,
      rows: this.#nextRows(),
      callback: (error) => this.#end(error ?? undefined),
    });
    this.#stepIn(this.#query);
  }

  get submittable(): unknown {
    return this.#query;
  }

  /** The next portion. One call at a time. */
  next(): Promise<Portion<R>> {
    return new Promise((resolve, reject) => {
      if (this.#error !== undefined) return reject(this.#error);
      if (this.#ended) return resolve({ rows: [], count: 0, bytes: 0, last: true });
      this.#waiters.push({ resolve, reject });
      const connection = this.#suspended;
      if (connection === undefined) return;
      this.#suspended = undefined;
      this.#request(connection);
    });
  }

  /** Ends the statement; resolves when the client is free, at once when it is. */
  async close(): Promise<void> {
    const connection = this.#suspended;
    if (this.#ended || connection === undefined) return;
    this.#suspended = undefined;
    const ended = new Promise<Portion<R>>((resolve, reject) =>
      this.#waiters.push({ resolve, reject }),
    );
    connection.close({ type: 'P', name: this.#query.portal });
    this.#sync(connection);
    await ended;
  }

  #stepIn(query: PgQuery): void {
    const original = {
      rowDescription: query.handleRowDescription,
      dataRow: query.handleDataRow,
      commandComplete: query.handleCommandComplete,
      emptyQuery: query.handleEmptyQuery,
      error: query.handleError,
    };
    query.on('row', (row: R) => this.#rows.push(row));
    query.handleRowDescription = (message) => {
      this.fields = message.fields.map(({ name, dataTypeID }) => ({ name, dataTypeID }));
      original.rowDescription.call(query, message);
      // pg keeps all rows when there is a callback; they are taken by the event above.
      query._accumulateRows = false;
    };
    query.handleDataRow = (message) => {
      this.#count++;
      this.#bytes += message.length;
      if (this.#limits.allOrNothing && isExceeded(this.#facts())) return;
      original.dataRow.call(query, message);
    };
    query.handlePortalSuspended = (connection) => {
      const { allOrNothing } = this.#limits;
      const facts = this.#facts();
      if (allOrNothing ? isExceeded(facts) : isFull(facts)) this.#suspend(connection);
      else this.#request(connection);
    };
    query.handleCommandComplete = (message, connection) => {
      this.#synced = true;
      original.commandComplete.call(query, message, connection);
    };
    query.handleEmptyQuery = (connection) => {
      this.#synced = true;
      original.emptyQuery.call(query, connection);
    };
    query.handleError = (error, connection) => {
      // With a row limit pg has not sent the Sync that makes the server listen again after an error of its own.
      if (error.severity === 'ERROR') this.#sync(connection);
      original.error.call(query, error, connection);
    };
  }

  #facts(): { rows: number; bytes: number; maxRows: number; maxBytes: number } {
    return { rows: this.#count, bytes: this.#bytes, ...this.#limits };
  }

  #nextRows(): number {
    const { maxRows, maxBytes, allOrNothing } = this.#limits;
    const beyond = allOrNothing ? 1 : 0;
    return nextRequestRows({
      ...this.#facts(),
      maxRows: maxRows + beyond,
      maxBytes: maxBytes + beyond,
    });
  }

  #request(connection: PgConnection): void {
    this.#query.rows = this.#nextRows();
    connection.execute({ portal: this.#query.portal, rows: this.#query.rows });
    connection.flush();
  }

  #suspend(connection: PgConnection): void {
    this.#suspended = connection;
    this.#waiters.shift()?.resolve(this.#takePortion(false));
  }

  #takePortion(last: boolean): Portion<R> {
    const portion = { rows: this.#rows, count: this.#count, bytes: this.#bytes, last };
    this.#rows = [];
    this.#count = 0;
    this.#bytes = 0;
    return portion;
  }

  /** Once: a second Sync would bring a second ReadyForQuery, which pg takes for the end of the next statement. */
  #sync(connection: PgConnection): void {
    if (this.#synced) return;
    this.#synced = true;
    connection.sync();
  }

  #end(error: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#suspended = undefined;
    this.#error = error;
    const portion = this.#takePortion(true);
    for (const waiter of this.#waiters.splice(0)) {
      if (error === undefined) waiter.resolve(portion);
      else waiter.reject(error);
    }
  }
}
