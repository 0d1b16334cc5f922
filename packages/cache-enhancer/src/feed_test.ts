import { startFaultProxy } from '@fynlo/services/fault-proxy';
import { Redis, type RedisOptions } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { type CacheFixture, cacheFixture, eventually } from './_cache_fixture.ts';

let fixture: CacheFixture;
beforeEach(() => {
  fixture = cacheFixture(inject('redisUrl'));
});
afterEach(() => fixture[Symbol.asyncDispose]());

const target = (): { host: string; port: number } => {
  const { hostname, port } = new URL(inject('redisUrl'));
  return { host: hostname, port: Number(port) };
};

/** A client whose duplicates go through `feed` or `data`, by what they are for. */
function split(to: {
  feed?: { host: string; port: number };
  data?: { host: string; port: number };
}): Redis {
  const pattern = new Redis(inject('redisUrl'), { lazyConnect: true });
  pattern.duplicate = ((o: Partial<RedisOptions>) => {
    const at = (o.protocol === 2 ? to.feed : to.data) ?? target();
    return new Redis({ ...pattern.options, ...o, host: at.host, port: at.port } as object);
  }) as typeof pattern.duplicate;
  return pattern;
}

describe('C12: the invalidation feed fails while another process invalidates', () => {
  test('cut: local values are not believed from that moment, and the feed comes back', async () => {
    await using proxy = await startFaultProxy(target());
    const reader = await fixture.node({ redis: split({ feed: proxy }) });
    const writer = await fixture.node();
    await reader.getOrSet('k', () => 'OLD');
    await eventually(() => reader.peek('k') === 'OLD', 'kept');
    proxy.set('refuse');
    proxy.cutAll('reset');
    await eventually(() => reader.getCacheMetrics().feedState === 'connecting', 'the loss is seen');
    expect(reader.peek('k')).toBeUndefined();
    await writer.invalidate({ keys: ['k'] });
    expect(await reader.getOrSet('k', () => 'NEW')).toBe('NEW');
    proxy.set('pass');
    await eventually(() => reader.getCacheMetrics().feedState === 'armed', 'armed again');
    await writer.invalidate({ keys: ['k'] });
    expect(await reader.getOrSet('k', () => 'NEWER')).toBe('NEWER');
    await eventually(() => reader.peek('k') === 'NEWER', 'kept again');
    await writer.invalidate({ keys: ['k'] });
    await eventually(() => reader.peek('k') === undefined, 'heard again');
  });

  test.each(['blackhole-to-client', 'blackhole-to-server', 'blackhole', 'half-open'] as const)(
    'silent (%s): the old value is served no longer than maxStalenessMs',
    async (mode) => {
      await using proxy = await startFaultProxy(target());
      const maxStalenessMs = 400;
      const reader = await fixture.node({ redis: split({ feed: proxy }), maxStalenessMs });
      const writer = await fixture.node();
      await reader.getOrSet('k', () => 'OLD');
      await eventually(() => reader.peek('k') === 'OLD', 'kept');
      proxy.set(mode);
      await writer.invalidate({ keys: ['k'] });
      const invalidated = performance.now();
      let lastOld = invalidated;
      for (;;) {
        const began = performance.now();
        if ((await reader.getOrSet('k', () => 'NEW')) === 'NEW') break;
        lastOld = began;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      expect(lastOld - invalidated).toBeLessThan(maxStalenessMs);
    },
  );

  test('redirected nowhere: Redis says so, and the feed is built anew', async () => {
    const reader = await fixture.node({ maxStalenessMs: 200 });
    const writer = await fixture.node();
    const list = String(await fixture.raw.client('LIST'));
    await reader.getOrSet('k', () => 'OLD');
    await eventually(() => reader.peek('k') === 'OLD', 'kept');
    // Somebody kills all data connections of this namespace: what they tracked is forgotten.
    const ids = [...list.matchAll(/id=(\d+) .*name=fynlo-cache:(\S+) /g)].filter(
      (m) => m[2] === fixture.namespace,
    );
    expect(ids.length).toBeGreaterThan(0);
    for (const [, id] of ids) await fixture.raw.client('KILL', 'ID', String(id));
    await eventually(() => writer.getCacheMetrics().redisState === 'ready', 'reconnected');
    // The writer's own connection was among them.
    const invalidated = (): Promise<boolean> =>
      writer.invalidate({ keys: ['k'] }).then(
        () => true,
        () => false,
      );
    await eventually(invalidated, 'invalidated');
    await eventually(() => reader.getCacheMetrics().feedState === 'armed', 'armed');
    expect(await reader.getOrSet('k', () => 'NEW')).toBe('NEW');
  });
});

test('without permission to track, values live in the process for maxStalenessMs and no longer', async () => {
  const user = `u${Date.now()}`;
  await fixture.raw.acl('SETUSER', user, 'on', '>pw', '~*', '&*', '+@all', '-client|tracking');
  const redis = new Redis(inject('redisUrl'), {
    username: user,
    password: 'pw',
    lazyConnect: true,
  });
  const refusals: string[] = [];
  const cache = fixture.cold({ redis, maxStalenessMs: 300 });
  cache.on('feedRefused', ({ reason }) => refusals.push(reason));
  await cache.start();
  expect(refusals).toEqual([expect.stringContaining('NOPERM')]);
  expect(cache.getCacheMetrics().feedState).toBe('refused');
  const writer = await fixture.node();
  await cache.getOrSet('k', () => 'OLD');
  await eventually(() => cache.peek('k') === 'OLD', 'kept');
  await writer.invalidate({ keys: ['k'] });
  await eventually(() => cache.peek('k') === undefined, 'it runs out');
  expect(await cache.getOrSet('k', () => 'NEW')).toBe('NEW');
  await cache.close();
  await fixture.raw.acl('DELUSER', user);
});

describe('clients', () => {
  test.each<[string, () => Redis]>([
    ['ioredis 5', () => new Redis5(inject('redisUrl'), { lazyConnect: true }) as unknown as Redis],
    ['ioredis 6', () => new Redis(inject('redisUrl'), { lazyConnect: true })],
    ['ioredis 6 in RESP2', () => new Redis(inject('redisUrl'), { lazyConnect: true, protocol: 2 })],
    [
      'a key prefix',
      () => new Redis(inject('redisUrl'), { lazyConnect: true, keyPrefix: 'app,{x}:' }),
    ],
    [
      'numbers as text',
      () => new Redis(inject('redisUrl'), { lazyConnect: true, stringNumbers: true }),
    ],
    [
      'autopipelining',
      () => new Redis(inject('redisUrl'), { lazyConnect: true, enableAutoPipelining: true }),
    ],
  ])('%s: fill, hit, invalidation by key and tag from another process', async (_name, make) => {
    const a = await fixture.node({ redis: make() });
    const b = await fixture.node({ redis: make() });
    let n = 0;
    const load = () => ++n;
    for (const invalidation of [{ keys: ['k'] }, { tags: ['t'] }]) {
      expect(await a.getOrSet('k', load, { tags: ['t'] })).toBe(n);
      expect(await b.getOrSet('k', load, { tags: ['t'] })).toBe(n);
      await eventually(() => a.peek('k') === n, 'kept');
      await b.invalidate(invalidation);
      await eventually(() => a.peek('k') === undefined, 'heard');
    }
    expect(n).toBe(2);
    expect(a.getCacheMetrics().feedState).toBe('armed');
  });
});
