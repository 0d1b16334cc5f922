/**
 * Names for prepared statements that the application did not name (`prepare: 'auto'`).
 */
import type pg from 'pg';
import { insideOf } from './_pg_client_inside.ts';
import { RecentMap } from './_recent_map.ts';

/** pg's own books of what a connection has prepared, and its way to close it; @types/pg lists none of it. */
interface PreparedInside {
  readonly parsedStatements: Record<string, string>;
  readonly submittedNamedStatements?: Record<string, string>;
  close(statement: { type: 'S'; name: string }): void;
}

/** Of one connection. */
interface Books {
  readonly used: RecentMap<true>;
  /** To be closed. */
  readonly overdue: Set<string>;
}

interface Named {
  name: string | undefined;
}

/** Texts that are counted; a one-off text among them pushes out no statement that is in use. */
const TEXTS = 1_000;
/** A plan takes the server some 10–100 KB. */
const PER_CONNECTION = 256;

/**
 * A text is named from its second use on. A name is for one text for good: when a plan has become invalid the text gets another
 * name, as pg believes every name parsed that it has parsed once. Each connection keeps the names it used lately; the others
 * are closed there, in front of the statement that is sent next, which costs no round trip.
 */
export class StatementNames {
  readonly #texts = new RecentMap<Named>(TEXTS);
  readonly #books = new WeakMap<pg.Client, Books>();
  readonly #mayName: () => boolean;
  readonly #perConnection: number;
  #count = 0;

  /** @param mayName asked in front of each. */
  constructor(mayName: () => boolean, perConnection: number = PER_CONNECTION) {
    this.#mayName = mayName;
    this.#perConnection = perConnection;
  }

  /** The name to send `text` with on this client, now; undefined: none. */
  nameFor(client: pg.Client, text: string): string | undefined {
    if (!this.#mayName()) return undefined;
    const named = this.#texts.get(text);
    if (named === undefined) {
      this.#texts.set(text, { name: undefined });
      return undefined;
    }
    named.name ??= `fynlo_${++this.#count}`;
    this.#touch(client, named.name);
    return named.name;
  }

  /** The server does not have what the name stands for, or no longer as it was. */
  renew(text: string, failed: string): void {
    const named = this.#texts.get(text);
    if (named?.name === failed) named.name = undefined;
  }

  #touch(client: pg.Client, name: string): void {
    let books = this.#books.get(client);
    if (books === undefined) {
      const overdue = new Set<string>();
      const used = new RecentMap<true>(this.#perConnection, (old) => void overdue.add(old));
      books = { used, overdue };
      this.#books.set(client, books);
    }
    if (books.used.get(name) === undefined) books.used.set(name, true);
    if (books.overdue.size > 0) this.#closeOverdue(client, books.overdue, name);
  }

  #closeOverdue(client: pg.Client, overdue: Set<string>, needed: string): void {
    const connection = insideOf(client).connection as unknown as PreparedInside | undefined;
    overdue.delete(needed);
    for (const name of overdue) {
      // What was sent but is not confirmed would be believed parsed once it is: it stays until then.
      if (connection?.submittedNamedStatements?.[name] !== undefined) continue;
      overdue.delete(name);
      if (connection?.parsedStatements[name] === undefined) continue;
      delete connection.parsedStatements[name];
      connection.close({ type: 'S', name });
    }
  }
}

/** The plan's result type has changed; the statement is not there; it is there already. None of them has executed anything. */
const NAME_ERRORS: ReadonlySet<unknown> = new Set(['0A000', '26000', '42P05']);

/** Whether a statement with a name of the pool's may be sent again under another one. */
export function isNameError(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'code' in error && NAME_ERRORS.has(error.code)
  );
}
