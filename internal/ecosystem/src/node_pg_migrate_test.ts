import { fileURLToPath } from 'node:url';
import { Pool } from '@fynlo/pool-core';
import { createDatabase } from '@fynlo/services/database';
import { runner } from 'node-pg-migrate';
import { describe, expect, inject, test } from 'vitest';

const dir = fileURLToPath(new URL('../migrations', import.meta.url));
const logger = { info() {}, warn() {}, error() {}, debug() {} };

describe.each([{}, { leases: true }])('node-pg-migrate on a client with %j', (options) => {
  test('migrates up and down under its lock, and leaves a clean session', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using pool = new Pool({ connectionString: database.url, ...options, max: 1 });
    const migrate = async (direction: 'up' | 'down'): Promise<void> => {
      await using client = await pool.connect();
      await runner({ dbClient: client, dir, direction, migrationsTable: 'migrations', logger });
    };
    const tables = async (): Promise<unknown> =>
      (await pool.query("select to_regclass('person') is not null as there")).rows[0].there;
    await migrate('up');
    expect(await tables()).toBe(true);
    await migrate('down');
    expect(await tables()).toBe(false);
    const locks =
      "select count(*)::int as n from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()";
    expect((await pool.query(locks)).rows).toEqual([{ n: 0 }]);
  });
});
