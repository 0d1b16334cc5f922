/**
 * What the pool remembers of a client, beside the engine's ledger.
 */
import type pg from 'pg';
import type { Entry } from './_entry.ts';
import type { RoleWatch } from './_pg_role.ts';
import type { PgSession } from './_pg_session.ts';
import type { Server } from './_server_book.ts';

const RECORD: unique symbol = Symbol('fynlo.pool.record');

/** What the pool knows of one client. It is found through the client, and lives as long. */
export interface ClientRecord {
  readonly client: pg.Client;
  readonly session: PgSession;
  readonly role: RoleWatch;
  /** Where it is connected to; undefined before. */
  server: Server | undefined;
  /** The engine's entry, from the first time the client is lent. */
  entry: Entry<pg.Client> | undefined;
  /** A one-shot query's way to learn of an error that the client emits. */
  onError: ((error: Error, result: undefined, lost: true) => void) | undefined;
  lost: (error?: unknown) => void;
}

export function recordOf(client: pg.Client): ClientRecord | undefined {
  return (client as unknown as { [RECORD]?: ClientRecord })[RECORD];
}

/**
 * Attaches the record, and what `await using client = await pool.connect()` asks for. By one descriptor for all clients: with a getter
 * of its own, each would be of a shape of its own to V8, and every access to any client slow, pg's own included.
 */
export function keepRecord(record: ClientRecord): void {
  Object.defineProperty(record.client, RECORD, { value: record });
  Object.defineProperty(record.client, Symbol.asyncDispose, GIVES_BACK);
}

const GIVES_BACK: PropertyDescriptor = {
  configurable: true,
  // Read when the scope begins, called when it ends: by then the client may be somebody else's.
  get(this: pg.PoolClient): () => Promise<void> {
    const { release } = this;
    const record = recordOf(this as unknown as pg.Client);
    const leaseId = record?.entry?.leaseId;
    return async () => {
      if (leaseId !== undefined && record?.entry?.leaseId === leaseId) await release();
    };
  },
};
