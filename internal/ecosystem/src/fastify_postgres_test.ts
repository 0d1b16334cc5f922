import fastifyPostgres from '@fastify/postgres';
import { Pool } from '@fynlo/pool-core';
import { createDatabase } from '@fynlo/services/database';
import fastify from 'fastify';
import pg, { type PoolClient } from 'pg';
import { expect, inject, test } from 'vitest';

test('@fastify/postgres with our Pool: query, connect, transact in both forms, close', async () => {
  await using database = await createDatabase(inject('postgresUrl'));
  const app = fastify();
  await app.register(fastifyPostgres, {
    connectionString: database.url,
    pg: { ...pg, Pool } as typeof pg,
  });
  await app.ready();
  expect(app.pg.pool).toBeInstanceOf(Pool);
  await app.pg.query('create table person (id int primary key)');
  const client = await app.pg.connect();
  await client.query('insert into person values (1)');
  client.release();
  await app.pg.transact((tx) => tx.query('insert into person values (2)'));
  await expect(
    app.pg.transact(async (tx) => {
      await tx.query('delete from person');
      throw new Error('no');
    }),
  ).rejects.toThrow('no');
  // The callback form, which @fastify/postgres's types leave out. It gives a client back with done(null, result).
  type Commit = (error: Error | null) => void;
  const transact = app.pg.transact as unknown as (
    fn: (tx: PoolClient, commit: Commit) => void,
    done: (error: Error | null) => void,
  ) => void;
  await new Promise<void>((resolve, reject) => {
    transact(
      (tx, commit) => void tx.query('insert into person values (3)', commit),
      (error) => (error ? reject(error) : resolve()),
    );
  });
  const { rows } = await app.pg.query('select count(*)::int as n from person');
  expect(rows).toEqual([{ n: 3 }]);
  const { pool } = app.pg;
  expect(pool.idleCount).toBe(pool.totalCount);
  await app.close();
  expect(pool.ended).toBe(true);
});
