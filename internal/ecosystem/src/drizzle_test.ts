import { Pool } from '@fynlo/pool-core';
import { createDatabase } from '@fynlo/services/database';
import { eq } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable, text } from 'drizzle-orm/pg-core';
import { describe, expect, inject, test } from 'vitest';

const person = pgTable('person', { id: integer().primaryKey(), name: text() });

describe.each([{}, { leases: true }])('drizzle with %j', (options) => {
  test('queries, prepared statements, and transactions that keep to one connection', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using pool = new Pool({ connectionString: database.url, max: 4, ...options });
    const db = drizzle({ client: pool });
    await pool.query('create table person (id int primary key, name text)');
    await db.insert(person).values([
      { id: 1, name: 'a' },
      { id: 2, name: 'b' },
    ]);
    const byId = db.select().from(person).where(eq(person.id, 1)).prepare('by_id');
    expect(await byId.execute()).toEqual([{ id: 1, name: 'a' }]);
    // On a pool that drizzle does not recognise, each statement of a transaction takes another connection.
    await Promise.all(
      Array.from({ length: 20 }, () =>
        db.transaction(async (tx) => {
          const [{ pid: first } = {}] = (await tx.execute('select pg_backend_pid() as pid')).rows;
          const [row] = await tx.select().from(person).where(eq(person.id, 2)).for('update');
          await tx
            .update(person)
            .set({ name: `${row?.name}+` })
            .where(eq(person.id, 2));
          const [{ pid: last } = {}] = (await tx.execute('select pg_backend_pid() as pid')).rows;
          expect(last).toBe(first);
        }),
      ),
    );
    await expect(
      db.transaction(async (tx) => {
        await tx.delete(person);
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await db.select().from(person).where(eq(person.id, 2))).toEqual([
      { id: 2, name: `b${'+'.repeat(20)}` },
    ]);
    expect(pool.sessionCounts().rolledBack).toBe(0);
    expect(pool.stats().leased).toBe(0);
  });
});
