import { Redis } from 'ioredis';
import { expect, inject, it } from 'vitest';
import { type ConnectionFactory, DynamicConnectionPoolManager } from './manager.ts';

/** Connections of one's own to Redis, for what blocks one: BLPOP, WATCH, a transaction. */
function connections(url: string): ConnectionFactory<Redis> {
  return {
    async create(_signal, lost) {
      const redis = new Redis(url, { lazyConnect: true, retryStrategy: null });
      redis.on('error', lost);
      redis.on('end', () => lost());
      await redis.connect();
      return redis;
    },
    destroy: (redis) => redis.disconnect(),
    validate: async (redis) => (await redis.ping()) === 'PONG',
    isUsable: (redis) => redis.status === 'ready',
  };
}

it('leases ioredis connections: a WATCH of one user is no other’s', async () => {
  await using pool = new DynamicConnectionPoolManager({
    factory: connections(inject('redisUrl')),
    minConnections: 2,
    maxConnections: 4,
  });
  await pool.start();
  const key = `pool-core:${process.pid}:counter`;
  const increment = (): Promise<void> =>
    pool.withConnection(async (redis) => {
      for (;;) {
        await redis.watch(key);
        const value = Number(await redis.get(key));
        const done = await redis
          .multi()
          .set(key, value + 1)
          .exec();
        if (done !== null) return;
      }
    });
  await Promise.all(Array.from({ length: 50 }, increment));
  const value = await pool.withConnection(async (redis) => {
    const result = await redis.get(key);
    await redis.del(key);
    return result;
  });
  expect(value).toBe('50');
  expect(pool.stats().size).toBeLessThanOrEqual(4);
});

it('replaces an ioredis connection that the server has closed', async () => {
  await using pool = new DynamicConnectionPoolManager({
    factory: connections(inject('redisUrl')),
    minConnections: 1,
    maxConnections: 2,
  });
  await pool.start();
  const id = await pool.withConnection((redis) => redis.client('ID'));
  const admin = new Redis(inject('redisUrl'));
  await admin.client('KILL', 'ID', id);
  await admin.quit();
  await expect
    .poll(() => pool.stats().destroyed, { timeout: 10_000 })
    .toEqual({
      'connection-error': 1,
    });
  const next = await pool.withConnection((redis) => redis.client('ID'));
  expect(next).not.toBe(id);
});
