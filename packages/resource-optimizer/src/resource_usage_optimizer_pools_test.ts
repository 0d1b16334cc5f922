import { expect, test } from 'vitest';
import { FakePool, setUp } from './_optimizer_fixture.ts';

test('optimizeMemoryUsage() evicts idle connections, but not of a pool that reconnects too often already', async () => {
  const { optimizer, settled } = setUp();
  const good = new FakePool();
  const bad = new FakePool();
  optimizer.attach(good, 'good');
  optimizer.attach(bad, 'bad');
  Object.assign(good, { idle: 12, acquires: 1000, created: 10 });
  Object.assign(bad, { idle: 12, acquires: 1000, created: 500 });
  optimizer.start();
  const { actions } = await settled(optimizer.optimizeMemoryUsage(), 3000);
  const evictions = actions.filter(({ name }) => name.startsWith('evict-idle'));
  expect(evictions).toMatchObject([
    { name: 'evict-idle:good', applied: true, before: 12, after: 2, unit: 'connections' },
    { name: 'evict-idle:bad', applied: false, before: 12, after: 12 },
  ]);
  await optimizer.stop();
});

test('a pool that reconnects too often gets a larger minimum, and its own back when the optimizer stops', async () => {
  const { clock, optimizer, actions } = setUp();
  const pool = new FakePool();
  optimizer.attach(pool, 'orders');
  optimizer.start();
  for (let second = 0; second < 61; second++) {
    pool.acquires += 10;
    pool.created += 1;
    pool.destroyed = { 'idle-timeout': pool.created };
    pool.leased = second % 10 === 0 ? 20 : 1;
    await clock.advance(1000);
  }
  expect(actions).toEqual(['+reuse:orders']);
  expect(pool.min).toBe(11);
  await optimizer.stop();
  expect(pool.min).toBe(2);
});

test('a minimum that the owner changed meanwhile is not touched on the way out', async () => {
  const { clock, optimizer, settled } = setUp();
  const pool = new FakePool();
  const detach = optimizer.attach(pool, 'orders');
  optimizer.start();
  Object.assign(pool, { acquires: 1000, created: 200, destroyed: { shrink: 200 }, leased: 30 });
  await clock.advance(1000);
  const { actions } = await settled(optimizer.optimizeNetworkEfficiency());
  expect(actions[0]).toMatchObject({ applied: true, before: 2, after: 16, unit: 'connections' });
  pool.min = 5;
  detach();
  expect(pool.min).toBe(5);
  await optimizer.stop();
});

test('a pool that cannot be resized yields advice, apart from the actions', async () => {
  const { clock, optimizer, settled } = setUp();
  const pool = new FakePool();
  optimizer.attach({ stats: () => pool.stats() }, 'plain');
  optimizer.start();
  Object.assign(pool, { acquires: 1000, created: 200, destroyed: { shrink: 200 }, leased: 30 });
  await clock.advance(1000);
  const { actions, advice } = await settled(optimizer.optimizeNetworkEfficiency());
  expect(actions).toMatchObject([
    { name: 'reuse:plain', applied: false, reason: 'the pool cannot be resized' },
  ]);
  expect(advice).toMatchObject([{ setting: 'minConnections=16 of plain' }]);
  await optimizer.stop();
});

test('a pool that throws costs the other pools nothing', async () => {
  const { clock, optimizer, settled } = setUp();
  const broken = new FakePool();
  const good = new FakePool();
  optimizer.attach(broken, 'broken');
  optimizer.attach(good, 'good');
  broken.stats = () => {
    throw new Error('closed');
  };
  optimizer.start();
  good.acquires = 10;
  await clock.advance(1500);
  expect(optimizer.getResourceMetrics().detail.network.acquires).toBe(10);
  const { actions } = await settled(optimizer.optimizeNetworkEfficiency());
  expect(actions).toMatchObject([
    { name: 'reuse:broken', applied: false, reason: 'the pool failed: closed' },
    { name: 'reuse:good', applied: false },
  ]);
  await optimizer.stop();
});
