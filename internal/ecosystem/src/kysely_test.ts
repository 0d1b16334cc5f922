import { Pool } from '@fynlo/pool-core';
import { createDatabase } from '@fynlo/services/database';
import { Kysely, PostgresDialect, sql } from 'kysely';
import Cursor from 'pg-cursor';
import { describe, expect, inject, test } from 'vitest';

interface Schema {
  person: { id: number; name: string };
}

describe.each([{}, { leases: true }])('kysely with %j', (options) => {
  test('queries, transactions, rollbacks, streams, and its end', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using pool = new Pool({ connectionString: database.url, max: 4, ...options });
    const db = new Kysely<Schema>({
      dialect: new PostgresDialect({ pool, cursor: Cursor }),
    });
    await db.schema
      .createTable('person')
      .addColumn('id', 'integer', (column) => column.primaryKey())
      .addColumn('name', 'text')
      .execute();
    await db
      .insertInto('person')
      .values([
        { id: 1, name: 'a' },
        { id: 2, name: 'b' },
      ])
      .execute();
    await db.transaction().execute(async (tx) => {
      await tx.updateTable('person').set({ name: 'c' }).where('id', '=', 1).execute();
    });
    const failing = db.transaction().execute(async (tx) => {
      await tx.deleteFrom('person').execute();
      await sql`select 1/0`.execute(tx);
    });
    await expect(failing).rejects.toMatchObject({ code: '22012' });
    const names: string[] = [];
    for await (const { name } of db.selectFrom('person').select('name').orderBy('id').stream(1)) {
      names.push(name);
    }
    expect(names).toEqual(['c', 'b']);
    const many = Array.from({ length: 20 }, () => db.selectFrom('person').selectAll().execute());
    for (const rows of await Promise.all(many)) expect(rows).toHaveLength(2);
    expect(pool.sessionCounts()).toEqual({ rolledBack: 0, reset: 0, drained: 0, shared: 0 });
    expect(pool.stats().leased).toBe(0);
    await db.destroy();
    expect(pool.ended).toBe(true);
  });
});
