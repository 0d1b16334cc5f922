/**
 * The parts of pg's Client that pg-pool relies on as well but @types/pg does not list, for pg 8.11 and later, pg-native, and the
 * stand-ins that tests pass as `Client`: each may be missing.
 */
import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import type pg from 'pg';

/** A statement under way, as pg keeps it. */
export interface ActiveQuery {
  readonly text?: unknown;
  readonly name?: unknown;
}

export interface ConnectionInside extends EventEmitter {
  readonly stream?: {
    destroy?(error?: Error): void;
    readonly destroyed?: boolean;
    readonly bytesRead?: number;
    readonly remoteAddress?: string | undefined;
  };
  readonly parsedStatements?: Readonly<Record<string, string>>;
  /** Called with the socket once it speaks PostgreSQL's protocol. */
  attachListeners?(stream: Duplex): void;
}

export interface ClientInside {
  readonly connection?: ConnectionInside;
  readonly readyForQuery?: boolean;
  readonly processID?: number | null;
  readonly host?: string;
  readonly port?: number;
  readonly user?: string;
  readonly secretKey?: unknown;
  readonly _queryable?: boolean;
  readonly _ending?: boolean;
  readonly _connected?: boolean;
  /** 0: the client itself never gives up on its connect. */
  _connectionTimeoutMillis?: number;
  readonly _activeQuery?: ActiveQuery | null;
  readonly _queryQueue?: readonly ActiveQuery[];
  readonly _sentQueryQueue?: readonly ActiveQuery[];
  /** pg listens to its connection with this, bound when the client connects. */
  _handleCommandComplete?(message: unknown): void;
  /** Since pg 8.21. */
  getTransactionStatus?(): 'I' | 'T' | 'E' | null;
  /** Since pg 8.21; before, `activeQuery` is a plain field, later it warns. */
  _getActiveQuery?(): ActiveQuery | null | undefined;
  readonly activeQuery?: ActiveQuery | null;
  /** pg-native's only. */
  isConnected?(): boolean;
  ref?(): void;
  unref?(): void;
  end?(callback: () => void): void;
  release?: unknown;
}

export function insideOf(client: pg.Client): ClientInside {
  return client as unknown as ClientInside;
}

/** The statement the server works on, if any. */
export function activeQueryOf(client: ClientInside): ActiveQuery | undefined {
  if (client._getActiveQuery !== undefined) return client._getActiveQuery() ?? undefined;
  return (
    (client._activeQuery === undefined ? client.activeQuery : client._activeQuery) ?? undefined
  );
}

/** Whether anything is under way or queued on the client. */
export function isBusy(client: ClientInside): boolean {
  if (client.readyForQuery === false) return true;
  if ((client._queryQueue?.length ?? 0) > 0 || (client._sentQueryQueue?.length ?? 0) > 0)
    return true;
  // pg-native has no readyForQuery.
  return client.readyForQuery === undefined && activeQueryOf(client) !== undefined;
}
