import type { CacheKind } from './bench_cache.ts';

export const cacheableCache: CacheKind = {
  name: 'cacheable',
  settings: 'cacheable 2.5, memory + @keyv/redis, ttl 1 h',
  async open({ redisUrl, namespace }) {
    const [{ Cacheable }, { default: KeyvRedis }] = await Promise.all([
      import('cacheable'),
      import('@keyv/redis'),
    ]);
    const cache = new Cacheable({ secondary: new KeyvRedis(redisUrl), ttl: '1h', namespace });
    return {
      getOrSet: async (key, loader) =>
        (await cache.getOrSet(key, loader)) as Awaited<ReturnType<typeof loader>>,
      get: (key) => cache.get(key),
      invalidate: (keys) => cache.deleteMany([...keys]),
      close: () => cache.disconnect(),
    };
  },
};
