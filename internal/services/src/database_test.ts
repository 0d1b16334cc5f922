import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { createDatabase } from './database.ts';

test('createDatabase() gives an empty database that drop() removes under an open connection', async () => {
  const database = await createDatabase(inject('postgresUrl'));
  const client = new pg.Client({ connectionString: database.url });
  client.on('error', () => undefined);
  await client.connect();
  const { rows } = await client.query(
    `select current_database() as name, count(*)::int as tables from pg_tables where schemaname = 'public'`,
  );
  expect(rows).toEqual([{ name: database.name, tables: 0 }]);
  await Promise.all([database.drop(), database.drop()]);
  await expect(client.query('select 1')).rejects.toThrow();
  const again = new pg.Client({ connectionString: database.url });
  await expect(again.connect()).rejects.toMatchObject({ code: '3D000' });
});
