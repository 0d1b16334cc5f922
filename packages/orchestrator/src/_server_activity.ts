import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** What the server itself says of one application's connections. */
export interface ServerCount {
  /** `performance.now()` of the answer. */
  readonly at: number;
  readonly connections: number;
  /** Waiting inside an open transaction: somebody has them checked out. */
  readonly inTransaction: number;
}

const COUNT = {
  name: 'fynlo-observer-count',
  text: `select count(*)::int as connections,
                count(*) filter (where state like 'idle in transaction%')::int as in_transaction
           from pg_stat_activity
          where application_name = $1 and backend_type = 'client backend'`,
};

/**
 * Counts an application's connections on the server, over a connection of its own, so that a pool's numbers have a
 * witness. While the server cannot be reached, `latest` is undefined, and it keeps trying.
 */
export class ServerActivity {
  readonly #url: string;
  readonly #applicationName: string;
  readonly #everyMs: number;
  readonly #stopping = new AbortController();
  #client: pg.Client | undefined;
  #latest: ServerCount | undefined;
  #loop: Promise<void> | undefined;

  constructor(url: string, applicationName: string, everyMs: number) {
    this.#url = url;
    this.#applicationName = applicationName;
    this.#everyMs = everyMs;
  }

  get latest(): ServerCount | undefined {
    return this.#latest;
  }

  /** Resolves once the first count is there, or the first attempt has failed. */
  async start(): Promise<void> {
    await this.#count();
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await this.#drop();
  }

  /** Counts now, beside the regular rhythm. */
  async #count(): Promise<void> {
    try {
      const client = await this.#connected();
      const { rows } = await client.query<{ connections: number; in_transaction: number }>({
        ...COUNT,
        values: [this.#applicationName],
      });
      const row = rows[0];
      if (row === undefined) return;
      this.#latest = {
        at: performance.now(),
        connections: row.connections,
        inTransaction: row.in_transaction,
      };
    } catch {
      // The server is away, which the recovery scenario does on purpose: there is no count then.
      this.#latest = undefined;
      await this.#drop();
    }
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await sleep(this.#everyMs, undefined, { signal: this.#stopping.signal, ref: false }).catch(
        () => undefined,
      );
      if (!this.#stopping.signal.aborted) await this.#count();
    }
  }

  async #connected(): Promise<pg.Client> {
    if (this.#client !== undefined) return this.#client;
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: 'fynlo-observer',
      connectionTimeoutMillis: 2000,
      query_timeout: 2000,
    });
    client.on('error', () => undefined);
    this.#client = client;
    await client.connect();
    return client;
  }

  async #drop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }
}
