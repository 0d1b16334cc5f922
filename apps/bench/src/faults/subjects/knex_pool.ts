import type { Client } from 'pg';
import { NotApplicableError } from '../fault.ts';
import type { FaultClient, FaultSubject } from '../fault_subject.ts';
import { clientOf } from './pg_clients.ts';

/** What of a knex a checkout goes through: typed as any there. */
interface KnexClient {
  acquireConnection(): Promise<Client>;
  releaseConnection(client: Client): Promise<void>;
  readonly pool: { numUsed(): number; numFree(): number };
}

export const knexPool: FaultSubject = {
  name: 'knex',
  settings:
    'knex on tarn: pool.min 0 as its documentation advises, max, acquireConnectionTimeout and createTimeoutMillis as the case says; a checkout is client.acquireConnection()',
  keepsDeadlines: true,
  async open(options) {
    if (options.pipelining === true) {
      throw new NotApplicableError('its statements do not share connections');
    }
    const { default: knex } = await import('knex');
    const connectTimeoutMs = options.connectTimeoutMs ?? options.acquireTimeoutMs;
    const { onConnect } = options;
    const db = knex({
      client: 'pg',
      connection: {
        connectionString: options.databaseUrl,
        connectionTimeoutMillis: connectTimeoutMs,
        ...(options.tls === true ? { ssl: { rejectUnauthorized: false } } : {}),
      },
      acquireConnectionTimeout: options.acquireTimeoutMs,
      pool: {
        min: 0,
        max: options.max,
        createTimeoutMillis: connectTimeoutMs,
        ...(onConnect === undefined
          ? {}
          : {
              afterCreate: (client: Client, done: (error?: unknown, client?: Client) => void) => {
                onConnect(async (text) => (await client.query(text)).rows).then(
                  () => done(undefined, client),
                  (error) => done(error, client),
                );
              },
            }),
      },
    });
    const inside = db.client as KnexClient;
    // knex writes parameters as `?` and turns them into $1, $2 itself.
    const raw = (text: string): string => text.replaceAll('?', '\\?').replaceAll(/\$\d+/g, '?');
    return {
      query: async (text, values = []) => (await db.raw(raw(text), values as never[])).rows,
      async acquire() {
        const client = await inside.acquireConnection();
        return clientOf(client, (broken) => {
          // knex's own way to tell tarn that a connection is not to be used again.
          if (broken !== undefined) Object.assign(client, { __knex__disposed: broken });
          return inside.releaseConnection(client);
        });
      },
      size: () => inside.pool.numUsed() + inside.pool.numFree(),
      stoppedAfter: async (text, ms) =>
        (await db.raw(raw(text)).timeout(ms, { cancel: true })).rows,
      takeBack: (foreign: FaultClient) => inside.releaseConnection(foreign.pg as Client),
      end: () => db.destroy(),
    };
  },
};
