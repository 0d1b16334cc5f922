import { Pool } from '@fynlo/pool-core';
import { createDatabase } from '@fynlo/services/database';
import pgPromise from 'pg-promise';
import { expect, inject, test } from 'vitest';

test('pg-promise with our Pool: queries, tasks, transactions, savepoints, end', async () => {
  await using database = await createDatabase(inject('postgresUrl'));
  const pgp = pgPromise({ noWarnings: true });
  const driver = pgp.pg as unknown as { Pool: unknown };
  const original = driver.Pool;
  driver.Pool = Pool;
  const db = pgp({ connectionString: database.url, max: 3 });
  driver.Pool = original;
  expect(db.$pool).toBeInstanceOf(Pool);
  await db.none('create table person (id int primary key)');
  await db.tx(async (tx) => {
    await tx.none('insert into person values ($1)', [1]);
    await tx
      .tx((inner) => inner.none('insert into person values (1)'))
      .catch(() => tx.none('insert into person values (2)'));
  });
  await expect(db.tx((tx) => tx.none('insert into person values (1)'))).rejects.toMatchObject({
    code: '23505',
  });
  const ids = await db.task((task) =>
    task.map('select id from person order by id', [], ({ id }) => id),
  );
  expect(ids).toEqual([1, 2]);
  const held = await db.connect();
  expect(await held.one('select 1 as n')).toEqual({ n: 1 });
  void held.done();
  const pool = db.$pool as unknown as Pool;
  expect(pool.idleCount).toBe(pool.totalCount);
  await pool.end();
});
