import { Pool } from '@fynlo/pool-core';
import { createDatabase } from '@fynlo/services/database';
import PgBoss from 'pg-boss';
import { describe, expect, inject, test } from 'vitest';

describe.each([{}, { leases: true }])('pg-boss with %j', (options) => {
  test('creates its schema, queues, works and stops over pool.query', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using pool = new Pool({ connectionString: database.url, max: 4, ...options });
    const boss = new PgBoss({
      db: { executeSql: (text, values) => pool.query(text, values) },
      schedule: false,
      supervise: false,
    });
    await boss.start();
    await boss.createQueue('mail');
    for (let i = 0; i < 5; i++) await boss.send('mail', { i });
    const done: number[] = [];
    await boss.work<{ i: number }>(
      'mail',
      { batchSize: 5, pollingIntervalSeconds: 0.5 },
      async (jobs) => {
        for (const { data } of jobs) done.push(data.i);
      },
    );
    await expect.poll(() => done.length, { timeout: 15_000 }).toBe(5);
    await boss.stop({ graceful: true, wait: true, close: false });
    expect(done.sort()).toEqual([0, 1, 2, 3, 4]);
    await expect.poll(() => pool.stats().leased).toBe(0);
  });
});
