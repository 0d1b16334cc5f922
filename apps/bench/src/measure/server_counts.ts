import pg from 'pg';

/** What the server itself counted while a round ran. */
export interface ServerCounts {
  /** Most client backends at once, without the counter's own. */
  readonly peak: number;
  /** Time-weighted over the samples. */
  readonly mean: number;
  readonly samples: number;
}

/**
 * Counts backends in `pg_stat_activity` from a connection of its own, one for each count: the server's truth beside a
 * pool's own numbers.
 */
export class ServerCounter {
  readonly #url: string;
  readonly #everyMs: number;
  #counts: number[] = [];
  #running = false;
  #done: Promise<void> = Promise.resolve();

  constructor(url: string, everyMs = 50) {
    this.#url = url;
    this.#everyMs = everyMs;
  }

  /** @throws when the server cannot be reached */
  async start(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: 'fynlo-bench counter',
      connectionTimeoutMillis: 10_000,
    });
    client.on('error', () => {});
    await client.connect();
    this.#counts = [];
    this.#running = true;
    this.#done = this.#sample(client).finally(() => client.end());
    // What went wrong is told by stop().
    this.#done.catch(() => {});
  }

  /** @throws when the server went away in between */
  async stop(): Promise<ServerCounts> {
    this.#running = false;
    await this.#done;
    const counts = this.#counts;
    const sum = counts.reduce((total, count) => total + count, 0);
    return {
      peak: Math.max(0, ...counts),
      mean: counts.length === 0 ? 0 : sum / counts.length,
      samples: counts.length,
    };
  }

  async #sample(client: pg.Client): Promise<void> {
    while (this.#running) {
      const { rows } = await client.query<{ n: number }>(
        `select count(*)::int as n from pg_stat_activity
         where backend_type = 'client backend' and pid <> pg_backend_pid()`,
      );
      this.#counts.push(rows[0]?.n ?? 0);
      await new Promise((resolve) => setTimeout(resolve, this.#everyMs));
    }
  }
}
