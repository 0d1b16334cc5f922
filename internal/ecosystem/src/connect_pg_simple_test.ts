import { Pool } from '@fynlo/pool-core';
import { createDatabase } from '@fynlo/services/database';
import connectPgSimple from 'connect-pg-simple';
import session, { type SessionData } from 'express-session';
import { describe, expect, inject, test } from 'vitest';

describe.each([{}, { leases: true }])('connect-pg-simple with %j', (options) => {
  test('keeps sessions', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using pool = new Pool({ connectionString: database.url, max: 4, ...options });
    const Store = connectPgSimple(session);
    const store = new Store({
      pool,
      createTableIfMissing: true,
      pruneSessionInterval: false,
    });
    const data = { cookie: { originalMaxAge: 60_000 }, user: 'a' } as unknown as SessionData;
    await new Promise<void>((resolve, reject) => {
      store.set('sid', data, (error?: unknown) => (error ? reject(error) : resolve()));
    });
    const got = await new Promise((resolve, reject) => {
      store.get('sid', (error: unknown, found: unknown) =>
        error ? reject(error) : resolve(found),
      );
    });
    expect(got).toMatchObject({ user: 'a' });
    await new Promise<void>((resolve, reject) => {
      store.destroy('sid', (error?: unknown) => (error ? reject(error) : resolve()));
    });
    await store.close();
    expect((await pool.query('select count(*)::int as n from session')).rows).toEqual([{ n: 0 }]);
  });
});
