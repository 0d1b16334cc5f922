import { Pool } from '@fynlo/pool-core';
import { createDatabase } from '@fynlo/services/database';
import { PrismaPg } from '@prisma/adapter-pg';
import { describe, expect, inject, test } from 'vitest';

describe.each([{}, { leases: true }])('Prisma’s adapter with %j', (options) => {
  test('takes the pool itself: queries, transactions, and errors by kind', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using pool = new Pool({ connectionString: database.url, max: 4, ...options });
    const adapter = await new PrismaPg(pool).connect();
    const run = (sql: string): ReturnType<typeof adapter.queryRaw> =>
      adapter.queryRaw({ sql, args: [], argTypes: [] });
    await adapter.executeScript('create table person (id int primary key)');
    const insert = { sql: 'insert into person values (1)', args: [], argTypes: [] };
    expect(await adapter.executeRaw(insert)).toBe(1);
    await expect(adapter.executeRaw(insert)).rejects.toMatchObject({
      cause: { kind: 'UniqueConstraintViolation' },
    });
    const kept = await adapter.startTransaction();
    await kept.executeRaw({ sql: 'insert into person values (2)', args: [], argTypes: [] });
    await kept.executeRaw({ sql: 'COMMIT', args: [], argTypes: [] });
    await kept.commit();
    const dropped = await adapter.startTransaction('SERIALIZABLE');
    await dropped.executeRaw({ sql: 'delete from person', args: [], argTypes: [] });
    await dropped.executeRaw({ sql: 'ROLLBACK', args: [], argTypes: [] });
    await dropped.rollback();
    expect((await run('select count(*)::int as n from person')).rows).toEqual([[2]]);
    // It would have opened a pool of its own for an object that is no pg.Pool.
    expect(pool.stats().acquires).toBeGreaterThan(4);
    expect(pool.stats().leased).toBe(0);
    await adapter.dispose();
  });
});
