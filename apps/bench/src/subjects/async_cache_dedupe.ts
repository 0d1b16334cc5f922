import { type CacheKind, notSupported, VALUE, type Value } from './bench_cache.ts';

export const asyncCacheDedupe: CacheKind = {
  name: 'async-cache-dedupe',
  settings: 'async-cache-dedupe 3.4, memory storage, ttl 1 h',
  async open() {
    const { createCache } = await import('async-cache-dedupe');
    const cache = createCache({
      ttl: 3600,
      storage: { type: 'memory', options: { size: 100_000 } },
    });
    // Its loaders are defined once by name, not passed with each call.
    cache.define('value', async (_key: string): Promise<Value> => VALUE);
    const { value } = cache as unknown as { value(key: string): Promise<Value> };
    return {
      getOrSet: (key) => value(key),
      get: () => notSupported('read without a loader'),
      invalidate: () => notSupported('invalidate by key'),
      close: async () => {},
    };
  },
};
