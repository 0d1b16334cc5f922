import type { Client } from 'pg';
import { NotApplicableError } from '../fault.ts';
import type { FaultClient, FaultSubject } from '../fault_subject.ts';
import { clientOf, clientOptions, refuseWhatClientsLack } from './pg_clients.ts';

/** Its default, which counts for nothing as long as nobody looks: by default that is so. */
const IDLE_TIMEOUT_MS = 30_000;
const EVICTION_RUN_MS = 10_000;

export const genericPool: FaultSubject = {
  name: 'generic-pool',
  settings:
    'generic-pool of pg Clients: max and acquireTimeoutMillis as the case says, testOnBorrow with a check for broken clients, an error listener on each, broken clients destroyed; F20 and F32n with idleTimeoutMillis and evictionRunIntervalMillis',
  keepsDeadlines: true,
  async open(options) {
    refuseWhatClientsLack(options);
    if (options.maxLifetimeMs !== undefined) throw new NotApplicableError('it has no lifetime');
    const { createPool } = await import('generic-pool');
    const { default: pg } = await import('pg');
    const broken = new WeakSet<Client>();
    const pool = createPool<Client>(
      {
        async create() {
          const client = new pg.Client({
            ...clientOptions(options),
            connectionTimeoutMillis: options.connectTimeoutMs ?? options.acquireTimeoutMs,
          });
          if (options.listens !== false) client.on('error', () => broken.add(client));
          client.on('end', () => broken.add(client));
          await client.connect();
          await options.onConnect?.(async (text) => (await client.query(text)).rows);
          return client;
        },
        destroy: (client) => client.end(),
        validate: async (client) => !broken.has(client),
      },
      {
        max: options.max,
        acquireTimeoutMillis: options.acquireTimeoutMs,
        testOnBorrow: true,
        ...(options.idleTimesBy === undefined
          ? {}
          : {
              idleTimeoutMillis: IDLE_TIMEOUT_MS * options.idleTimesBy,
              evictionRunIntervalMillis: EVICTION_RUN_MS * options.idleTimesBy,
            }),
      },
    );
    // As its documentation asks for.
    pool.on('factoryCreateError', () => undefined);
    pool.on('factoryDestroyError', () => undefined);
    const acquire = async (): Promise<FaultClient> => {
      const client = await pool.acquire();
      return clientOf(client, (error) =>
        error === undefined ? pool.release(client) : pool.destroy(client),
      );
    };
    const using = async <T>(work: (client: FaultClient) => Promise<T>): Promise<T> => {
      const client = await acquire();
      try {
        return await work(client);
      } finally {
        await client.release();
      }
    };
    return {
      query: (text, values) => using((client) => client.query(text, values)),
      acquire,
      size: () => pool.size,
      prepared: (text, values) =>
        using(async ({ pg: client }) => {
          const config = { name: text.slice(0, 40), text, values: [...values] };
          return (await (client as Client).query(config)).rows;
        }),
      takeBack: (foreign) => pool.release(foreign.pg as Client),
      async end() {
        await pool.drain();
        await pool.clear();
      },
    };
  },
};
