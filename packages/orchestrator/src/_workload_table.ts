import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** The rows the scenarios read; a schema of its own in the caller's database, gone after the run. */
export interface WorkloadTable {
  readonly schema: string;
  /** Qualified and safe to put into SQL text. */
  readonly name: string;
  readonly rows: number;
  drop(): Promise<void>;
}

/** Products of a shop, as the service this came from reads them: an integer key, a name, a price, some text. */
export async function createWorkloadTable(
  url: string,
  rows: number,
  detailBytes: number,
): Promise<WorkloadTable> {
  const schema = `fynlo_run_${randomBytes(6).toString('hex')}`;
  const name = `${schema}.items`;
  await withClient(url, async (client) => {
    await client.query(`create schema ${schema}`);
    await client.query(
      `create table ${name} (id integer primary key, name text not null, price integer not null, details text not null)`,
    );
    await client.query(
      `insert into ${name} select n, 'item ' || n, n % 997, repeat(md5(n::text), $2::int) from generate_series(1, $1::int) n`,
      [rows, Math.ceil(detailBytes / 32)],
    );
    await client.query(`analyze ${name}`);
  });
  return {
    schema,
    name,
    rows,
    drop: () =>
      withClient(url, async (client) => {
        await client.query(`drop schema if exists ${schema} cascade`);
      }),
  };
}

async function withClient(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'fynlo-setup',
    connectionTimeoutMillis: 5000,
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
