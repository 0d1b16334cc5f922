import { Pool } from '@fynlo/pool-core';
import { createDatabase } from '@fynlo/services/database';
import { Logger, run } from 'graphile-worker';
import { describe, expect, inject, test } from 'vitest';

describe.each([{}, { leases: true }])('graphile-worker with %j', (options) => {
  test('migrates, listens on a client it keeps, runs jobs, and stops', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using pool = new Pool({ connectionString: database.url, max: 4, ...options });
    pool.on('error', () => {});
    pool.on('connect', (client) => void client.on('error', () => {}));
    const done: unknown[] = [];
    const runner = await run({
      pgPool: pool,
      logger: new Logger(() => () => {}),
      noHandleSignals: true,
      noPreparedStatements: false,
      pollInterval: 60_000,
      taskList: { greet: (payload) => void done.push(payload) },
    });
    await runner.addJob('greet', { to: 'a' });
    await runner.addJob('greet', { to: 'b' });
    // The poll comes once a minute: what arrives sooner came by NOTIFY.
    await expect.poll(() => done.length, { timeout: 15_000 }).toBe(2);
    await runner.stop();
    await expect.poll(() => pool.stats().leased).toBe(0);
    expect(pool.ended).toBe(false);
  });
});
