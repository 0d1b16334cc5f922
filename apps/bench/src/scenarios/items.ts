import pg from 'pg';

/** Rows of the table that the pool scenarios read. */
export const ITEMS = 10_000;

export const SELECT_ITEM = 'select id, name, price, updated_at from bench_item where id = $1';

/** Makes the table anew, so that a run never reads what another left behind. */
export async function makeItems({ databaseUrl }: { readonly databaseUrl: string }): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(`
      drop table if exists bench_item;
      create table bench_item (id int primary key, name text not null, price numeric(10, 2) not null,
                               updated_at timestamptz not null default now());
      insert into bench_item (id, name, price)
        select i, 'item ' || i, i % 1000 + 0.99 from generate_series(1, ${ITEMS}) i;
      analyze bench_item;`);
  } finally {
    await client.end();
  }
}
