import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import pg from 'pg';
import { describe, expect, inject, it, vi } from 'vitest';
import { createConnectionLayer } from './connection_layer.ts';
import { InvalidOptionError, LayerStartError } from './errors.ts';

async function serverConnections(applicationName: string): Promise<number> {
  const client = new pg.Client({ connectionString: inject('postgresUrl') });
  await client.connect();
  try {
    const { rows } = await client.query(
      'select count(*)::int as n from pg_stat_activity where application_name = $1',
      [applicationName],
    );
    return rows[0].n;
  } finally {
    await client.end();
  }
}

describe('createConnectionLayer()', () => {
  it('wires the four together, and closes all of them', async () => {
    const name = `layer-${randomUUID()}`;
    const layer = await createConnectionLayer({
      databaseUrl: inject('postgresUrl'),
      redis: inject('redisUrl'),
      name,
      pool: { application_name: name, max: 3 },
    });
    let loads = 0;
    const load = async () => {
      loads++;
      const { rows } = await layer.pool.query('select 41 + 1 as answer');
      return rows[0].answer as number;
    };
    expect(await layer.cache?.getOrSet('answer', load)).toBe(42);
    expect(await layer.cache?.getOrSet('answer', load)).toBe(42);
    expect(loads).toBe(1);

    // The guard sees the pool's leases and the cache's bytes.
    const lease = await layer.pool.getConnection();
    expect(layer.guard?.getMemoryStats()).toMatchObject({ openLeases: 1 });
    await lease.release();
    // Values are kept in process once the invalidation feed is proven to work.
    await vi.waitFor(
      async () => {
        await layer.cache?.getOrSet('answer', load);
        expect(layer.guard?.getMemoryStats().caches[name]).toBeGreaterThan(0);
      },
      { timeout: 10_000 },
    );

    // The optimizer sees the hit ratio, and can make the cache smaller.
    expect(layer.optimizer?.getResourceMetrics().cacheHitRatio).toBeGreaterThan(0);
    const report = await layer.optimizer?.optimizeMemoryUsage();
    expect(report?.actions.map((action) => action.name)).toContain(
      `reliever:${name}: in-process cache`,
    );

    // Which may have closed the idle connections as well; a new one is open now.
    await layer.pool.query('select 1');
    expect(await serverConnections(name)).toBeGreaterThan(0);
    const closing = layer.close();
    expect(layer.close()).toBe(closing);
    await closing;
    expect(await serverConnections(name)).toBe(0);
    await expect(layer.pool.query('select 1')).rejects.toThrow();
  });

  it("leaves the caller's own Redis client open", async () => {
    const redis = new Redis(inject('redisUrl'));
    const layer = await createConnectionLayer({ databaseUrl: inject('postgresUrl'), redis });
    await layer.close();
    expect(await redis.ping()).toBe('PONG');
    redis.disconnect();
  });

  it('can be a pool alone', async () => {
    await using layer = await createConnectionLayer({
      databaseUrl: inject('postgresUrl'),
      guard: false,
      optimizer: false,
    });
    expect(layer.cache).toBeUndefined();
    expect(layer.guard).toBeUndefined();
    expect(layer.optimizer).toBeUndefined();
    expect((await layer.pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  it('closes what it had started when a later part does not start', async () => {
    const name = `layer-${randomUUID()}`;
    const error = await createConnectionLayer({
      databaseUrl: inject('postgresUrl'),
      redis: 'redis://127.0.0.1:1',
      pool: { application_name: name },
    }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(LayerStartError);
    expect(error).toMatchObject({ code: 'ERR_LAYER_START', part: 'cache' });
    expect(await serverConnections(name)).toBe(0);
  });

  it('names the pool when the database cannot be used', async () => {
    const url = new URL(inject('postgresUrl'));
    url.pathname = '/no_such_database';
    const starting = createConnectionLayer({ databaseUrl: url.href });
    await expect(starting).rejects.toMatchObject({ code: 'ERR_LAYER_START', part: 'pool' });
    await expect(starting).rejects.toThrow(/no_such_database/);
  });

  it.each([
    ['an unknown option', { databseUrl: 'postgres://x' }],
    ['an unreadable URL', { databaseUrl: 'x' }],
    ['a cache without Redis', { databaseUrl: 'postgres://x', cache: {} }],
    ['no time to close', { databaseUrl: 'postgres://x', closeTimeoutMs: 1 }],
  ])('refuses %s', async (_, options) => {
    await expect(createConnectionLayer(options as never)).rejects.toBeInstanceOf(
      InvalidOptionError,
    );
  });
});
