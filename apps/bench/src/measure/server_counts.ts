import pg from 'pg';

/** What the server itself counted while a round ran. */
export interface ServerCounts {
  /** Most backends of the subject at once. */
  readonly peak: number;
  /** Most client backends of anybody else at once, without the counter's own. */
  readonly others: number;
}

/** States of a backend that is past its start, and has the name that its client gave. */
const READY = ['active', 'idle', 'idle in transaction', 'idle in transaction (aborted)'];

/** A server that does not answer this long makes the round fail rather than hang. */
const ANSWER_MS = 10_000;

/**
 * Counts backends in `pg_stat_activity` from a connection of its own: the server's truth beside a pool's own numbers. The
 * subject's are those with the application name of the URL that it was given.
 */
export class ServerCounter {
  readonly #url: string;
  readonly #everyMs: number;
  #peak = 0;
  #others = 0;
  #running = false;
  #done: Promise<void> = Promise.resolve();

  constructor(url: string, everyMs = 50) {
    this.#url = url;
    this.#everyMs = everyMs;
  }

  /** @throws when the server cannot be reached */
  async start(applicationName: string): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: 'fynlo-bench counter',
      connectionTimeoutMillis: ANSWER_MS,
      query_timeout: ANSWER_MS,
    });
    client.on('error', () => {});
    await client.connect();
    this.#peak = 0;
    this.#others = 0;
    this.#running = true;
    this.#done = this.#sample(client, applicationName).finally(() => client.end());
    // What went wrong is told by stop().
    this.#done.catch(() => {});
  }

  /** @throws when the server went away in between */
  async stop(): Promise<ServerCounts> {
    this.#running = false;
    await this.#done;
    return { peak: this.#peak, others: this.#others };
  }

  async #sample(client: pg.Client, applicationName: string): Promise<void> {
    while (this.#running) {
      const { rows } = await client.query<ServerCounts>(
        `select count(*) filter (where application_name = $1)::int as peak,
                count(*) filter (where application_name <> $1 and state = any($2))::int as others
         from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`,
        [applicationName, READY],
      );
      this.#peak = Math.max(this.#peak, rows[0]?.peak ?? 0);
      this.#others = Math.max(this.#others, rows[0]?.others ?? 0);
      await new Promise((resolve) => setTimeout(resolve, this.#everyMs));
    }
  }
}

/** The URL with the name that `pg_stat_activity` shows for its connections (the server cuts it at 63 bytes). */
export function withApplicationName(url: string, name: string): string {
  const named = new URL(url);
  named.searchParams.set('application_name', name);
  return named.href;
}
