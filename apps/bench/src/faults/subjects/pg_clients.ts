import type { Client, Pool, PoolClient } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import Cursor from 'pg-cursor';
import { NotApplicableError } from '../fault.ts';
import type { FaultClient, FaultPool, FaultPoolOptions, Row } from '../fault_subject.ts';

/** A pg Client as a case uses it. `giveBack` is told the error that broke it, if one did. */
export function clientOf(
  client: Client,
  giveBack: (broken: Error | undefined) => unknown,
): FaultClient {
  let broken: Error | undefined;
  return {
    pg: client,
    async query(text, values) {
      try {
        return (await client.query(text, values as unknown[])).rows;
      } catch (error) {
        if (isConnectionError(error)) broken = error as Error;
        throw error;
      }
    },
    batches: (text, rows) => batchesOf(client, text, rows),
    copyIn: async (text) => client.query(copyFrom(text)),
    copyOut: async (text) => client.query(copyTo(text)),
    release: () => giveBack(broken),
    destroy: () => giveBack(new Error('destroyed by its user')),
  };
}

async function* batchesOf(
  client: Client,
  text: string,
  count: number,
): AsyncIterableIterator<readonly Row[]> {
  const cursor = client.query(new Cursor<Row>(text));
  for (;;) {
    const rows = await cursor.read(count);
    if (rows.length === 0) return;
    yield rows;
  }
}

/** A pg.Pool, or a stand-in for one. */
export function poolOf(pool: Pool, options: FaultPoolOptions): FaultPool {
  if (options.listens !== false) pool.on('error', () => undefined);
  const lent = (client: PoolClient): FaultClient =>
    clientOf(client as unknown as Client, (broken) => client.release(broken));
  return {
    query: async (text, values) => (await pool.query(text, values as unknown[])).rows,
    acquire: async () => lent(await pool.connect()),
    size: () => pool.totalCount,
    prepared: async (text, values) =>
      (await pool.query({ name: text.slice(0, 40), text, values: [...values] })).rows,
    end: () => pool.end(),
  };
}

/** Where a server is, and who comes to it. */
interface Place {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

export function clientOptions({ databaseUrl, tls, password }: FaultPoolOptions): Partial<Place> & {
  readonly connectionString?: string;
  readonly password?: () => Promise<string>;
  readonly ssl?: { readonly rejectUnauthorized: boolean };
} {
  return {
    // A password in a connection string wins over the one that is asked for, even an empty one.
    ...(password === undefined
      ? { connectionString: databaseUrl }
      : { ...placeOf(databaseUrl), password }),
    ...(tls === true ? { ssl: { rejectUnauthorized: false } } : {}),
  };
}

/** What a URL says, without its password. */
export function placeOf(databaseUrl: string): Place {
  const { hostname: host, port, username: user, pathname } = new URL(databaseUrl);
  return { host, port: Number(port), user, database: pathname.slice(1) };
}

/** What no pool of plain pg Clients has. @throws NotApplicableError */
export function refuseWhatClientsLack({ pipelining, servers }: FaultPoolOptions): void {
  if (pipelining === true) throw new NotApplicableError('its statements do not share connections');
  if (servers !== undefined) throw new NotApplicableError('it takes one server, not a list');
}

/** A server's answer has a five-character SQLSTATE; anything else happened to the connection, and so did 57P01. */
function isConnectionError(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code) || code.startsWith('57P');
}
