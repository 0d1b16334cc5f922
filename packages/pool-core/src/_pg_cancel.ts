/**
 * Stopping a statement that runs on the server.
 */
import pg from 'pg';
import { type ClientInside, insideOf } from './_pg_client_inside.ts';
import { recordOf } from './_pg_client_record.ts';
import { socketTo } from './_pg_dial.ts';

/** pg's Connection as far as a cancel request needs it; @types/pg lists less. */
interface CancelConnection {
  connect(port: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processID: number, secretKey: unknown): void;
  on(event: string, listener: (...args: unknown[]) => void): void;
  readonly stream: { destroy(): void };
}

interface Addressed extends ClientInside {
  readonly ssl?: unknown;
  readonly sslNegotiation?: string;
}

/**
 * Asks the server, over a connection of its own, to cancel what `client` runs, and waits until the server has closed that
 * connection: by then it has passed the request on. Whoever also waits for the statement's answer before he lets anybody
 * else use the client can be sure that the request does not hit a later statement.
 *
 * @returns false when the server could not be asked within `timeoutMs`.
 */
export function requestCancel(
  client: pg.Client,
  stream: unknown,
  timeoutMs: number,
): Promise<boolean> {
  const target = insideOf(client) as Addressed;
  const { processID, host, port, ssl } = target;
  const server = recordOf(client)?.server;
  if (typeof processID !== 'number' || typeof port !== 'number') return Promise.resolve(false);
  const Connection = pg.Connection as unknown as new (config: object) => CancelConnection;
  const connection = new Connection({
    ssl,
    sslNegotiation: target.sslNegotiation,
    // By the address: the name may lead to another server by now.
    stream: stream ?? (server && socketTo(async () => server.address)),
  });
  return new Promise((resolve) => {
    let asked = false;
    const timer = setTimeout(() => finish(false), timeoutMs);
    const finish = (done: boolean): void => {
      clearTimeout(timer);
      connection.stream.destroy();
      resolve(done);
    };
    const ask = (): void => {
      asked = true;
      connection.cancel(processID, target.secretKey);
    };
    connection.on('connect', () => {
      if (!ssl) ask();
      else if (target.sslNegotiation !== 'direct') connection.requestSsl();
    });
    connection.on('sslconnect', ask);
    // The server answers a cancel request by closing; some reset the connection instead.
    connection.on('error', () => finish(asked));
    connection.on('end', () => finish(asked));
    if (host?.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`);
    else connection.connect(port, host);
  });
}
