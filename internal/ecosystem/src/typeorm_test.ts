import { Pool } from '@fynlo/pool-core';
import { createDatabase } from '@fynlo/services/database';
import pg from 'pg';
import { DataSource, EntitySchema } from 'typeorm';
import { expect, inject, test } from 'vitest';

const Person = new EntitySchema<{ id: number; name: string }>({
  name: 'person',
  columns: { id: { type: 'int', primary: true }, name: { type: 'text' } },
});

test('TypeORM with our Pool in its driver: synchronize, repositories, transactions, streams, end', async () => {
  await using database = await createDatabase(inject('postgresUrl'));
  const made: Pool[] = [];
  class Noted extends Pool {
    constructor(...args: ConstructorParameters<typeof Pool>) {
      super(...args);
      made.push(this);
    }
  }
  const source = new DataSource({
    type: 'postgres',
    url: database.url,
    driver: { ...pg, Pool: Noted },
    synchronize: true,
    entities: [Person],
    extra: { max: 3 },
  });
  await source.initialize();
  const people = source.getRepository(Person);
  await people.save([
    { id: 1, name: 'a' },
    { id: 2, name: 'b' },
  ]);
  await expect(
    source.transaction(async (manager) => {
      await manager.delete(Person, { id: 1 });
      await manager.query('select 1/0');
    }),
  ).rejects.toMatchObject({ code: '22012' });
  const counts = Array.from({ length: 10 }, () => people.count());
  expect(await Promise.all(counts)).toEqual(Array(10).fill(2));
  const rows: unknown[] = [];
  const stream = await people.createQueryBuilder('p').orderBy('p.id').stream();
  for await (const row of stream) rows.push(row);
  expect(rows).toHaveLength(2);
  expect(made).toHaveLength(1);
  expect(made[0]?.totalCount).toBeLessThanOrEqual(3);
  await source.destroy();
  expect(made[0]?.ended).toBe(true);
});
