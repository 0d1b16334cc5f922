import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { watchPgPool } from './pg_pool.ts';
import { ResourceUsageOptimizer } from './resource_usage_optimizer.ts';

test('a plain pg.Pool shows its size, its use and its reuse', async () => {
  const pool = new pg.Pool({ connectionString: inject('postgresUrl'), max: 4 });
  const watched = watchPgPool(pool);
  const optimizer = new ResourceUsageOptimizer();
  const detach = optimizer.attach(watched, 'orders');
  const client = await pool.connect();
  expect(watched.stats()).toMatchObject({
    size: 1,
    leased: 1,
    idle: 0,
    acquires: 1,
    created: 1,
    max: 4,
    min: 0,
  });
  client.release();
  for (let i = 0; i < 99; i++) await pool.query('select 1');
  expect(optimizer.getResourceMetrics()).toMatchObject({
    connectionReuseRatio: 0.99,
    networkEfficiency: 100 / 101,
  });
  expect(optimizer.getResourceMetrics().detail.network.pools[0]).toMatchObject({
    name: 'orders',
    acquires: 100,
    created: 1,
  });
  detach();
  expect(optimizer.getResourceMetrics().connectionReuseRatio).toBeNull();
  await pool.end();
  expect(watched.stats()).toMatchObject({ size: 0 });
});

test('a pg.Pool that closes what it needs again a moment later is given a minimum, and then reuses', async () => {
  const pool = new pg.Pool({
    connectionString: inject('postgresUrl'),
    max: 4,
    idleTimeoutMillis: 1,
  });
  // It takes its steps here when it is told to, not at a sample of its own in between.
  const optimizer = new ResourceUsageOptimizer({ reuseTarget: 0.95, sampleIntervalMs: 60_000 });
  const watched = watchPgPool(pool);
  optimizer.attach(watched, 'orders');
  optimizer.start();
  const spell = async (rounds: number) => {
    for (let i = 0; i < rounds; i++) {
      // Held together: on a slow machine one would else be closed before the next is open.
      const clients = await Promise.all([1, 2, 3, 4].map(() => pool.connect()));
      for (const client of clients) client.release();
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
  };
  await spell(40);
  const churning = optimizer.getResourceMetrics().connectionReuseRatio ?? 1;
  expect(churning).toBeLessThan(0.95);
  // Half-way to the peak at a time: 2, 3, 4 of 4.
  const steps: number[] = [];
  for (let step = 0; step < 3; step++) {
    const { actions } = await optimizer.optimizeNetworkEfficiency();
    steps.push(pool.options.min ?? 0);
    expect(actions[0]).toMatchObject({ name: 'reuse:orders', applied: true, after: steps.at(-1) });
    await spell(40);
  }
  expect(steps).toEqual([2, 3, 4]);
  await optimizer.stop();
  expect(pool.options.min).toBe(0);
  pool.options.min = 4;
  const before = watched.stats();
  await spell(40);
  const after = watched.stats();
  expect(1 - (after.created - before.created) / (after.acquires - before.acquires)).toBeGreaterThan(
    0.95,
  );
  await pool.end();
}, 60_000);
