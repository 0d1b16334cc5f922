import type { CacheKind } from './bench_cache.ts';

export const fynloCache: CacheKind = {
  name: 'fynlo',
  settings:
    '@fynlo/cache-enhancer, its defaults, ttl 1 h; without the in-process level: maxLocalBytes 0',
  async open({ redisUrl, local, namespace }) {
    const [{ CachePerformanceEnhancer }, { Redis }] = await Promise.all([
      import('@fynlo/cache-enhancer'),
      import('ioredis'),
    ]);
    const redis = new Redis(redisUrl);
    const cache = new CachePerformanceEnhancer({
      redis,
      namespace,
      ttlMs: 3_600_000,
      ...(local ? {} : { maxLocalBytes: 0 }),
    });
    await cache.start();
    return {
      getOrSet: (key, loader) => cache.getOrSet(key, loader),
      get: (key) => cache.get(key),
      invalidate: (keys) => cache.invalidate({ keys: [...keys] }),
      async close() {
        await cache.close();
        redis.disconnect();
      },
    };
  },
};
