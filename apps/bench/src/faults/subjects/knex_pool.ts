import type { Client } from 'pg';
import type { FaultClient, FaultSubject } from '../fault_subject.ts';
import { clientOf, clientOptions, refuseWhatClientsLack } from './pg_clients.ts';

/** What of a knex a checkout goes through: typed as any there. */
interface KnexClient {
  acquireConnection(): Promise<Client>;
  releaseConnection(client: Client): Promise<void>;
  readonly pool: { numUsed(): number; numFree(): number };
}

/** How long it takes a password for good: it asks again when told that the last one has expired. */
const PASSWORD_MS = 1_000;
/** Its defaults. */
const IDLE_TIMEOUT_MS = 30_000;
const REAP_INTERVAL_MS = 1_000;

export const knexPool: FaultSubject = {
  name: 'knex',
  settings:
    'knex on tarn: pool.min 0 as its documentation advises, max, acquireConnectionTimeout and createTimeoutMillis as the case says; a checkout is client.acquireConnection(); an async password comes with its expirationChecker',
  keepsDeadlines: true,
  async open(options) {
    refuseWhatClientsLack(options);
    const { default: knex } = await import('knex');
    const connectTimeoutMs = options.connectTimeoutMs ?? options.acquireTimeoutMs;
    const { onConnect, password, maxLifetimeMs, idleTimesBy = 1 } = options;
    const connection = {
      ...clientOptions(options),
      connectionTimeoutMillis: connectTimeoutMs,
    };
    const db = knex({
      client: 'pg',
      connection:
        password === undefined
          ? connection
          : async () => {
              const given = await password();
              const expiresAt = performance.now() + PASSWORD_MS;
              const expirationChecker = (): boolean => performance.now() > expiresAt;
              return { ...connection, password: given, expirationChecker };
            },
      acquireConnectionTimeout: options.acquireTimeoutMs,
      pool: {
        min: 0,
        max: options.max,
        createTimeoutMillis: connectTimeoutMs,
        idleTimeoutMillis: Math.round(IDLE_TIMEOUT_MS * idleTimesBy),
        reapIntervalMillis: Math.round(REAP_INTERVAL_MS * idleTimesBy),
        ...(maxLifetimeMs === undefined ? {} : { maxConnectionLifetimeMillis: maxLifetimeMs }),
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
      transaction: (work) =>
        db.transaction((own) =>
          work(async (text, values = []) => (await own.raw(raw(text), values as never[])).rows),
        ),
      size: () => inside.pool.numUsed() + inside.pool.numFree(),
      stoppedAfter: async (text, ms) =>
        (await db.raw(raw(text)).timeout(ms, { cancel: true })).rows,
      takeBack: (foreign: FaultClient) => inside.releaseConnection(foreign.pg as Client),
      end: () => db.destroy(),
    };
  },
};
