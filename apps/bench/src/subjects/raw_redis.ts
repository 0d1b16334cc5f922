import { type BenchCache, type CacheKind, notSupported, type VALUE } from './bench_cache.ts';

/** Redis clients without a cache on top: what a careful programmer would write by hand. */
export const rawIoredis: CacheKind = ioredis('ioredis', 'ioredis 6 get + JSON.parse', {});

export const autopipelinedIoredis: CacheKind = ioredis(
  'ioredis autopipelining',
  'ioredis 6 with enableAutoPipelining, get + JSON.parse',
  { enableAutoPipelining: true },
);

export const nodeRedis: CacheKind = {
  name: 'node-redis',
  settings: 'redis 6 get + JSON.parse',
  async open({ redisUrl, namespace }) {
    const { createClient } = await import('redis');
    const client = createClient({ url: redisUrl });
    client.on('error', () => {});
    await client.connect();
    return rawCache(
      namespace,
      (key) => client.get(key),
      (key, text) => client.set(key, text),
      (keys) => client.unlink([...keys]),
      async () => client.destroy(),
    );
  },
};

function ioredis(
  name: string,
  settings: string,
  extra: { enableAutoPipelining?: boolean },
): CacheKind {
  return {
    name,
    settings,
    async open({ redisUrl, namespace }) {
      const { Redis } = await import('ioredis');
      const client = new Redis(redisUrl, extra);
      return rawCache(
        namespace,
        (key) => client.get(key),
        (key, text) => client.set(key, text),
        (keys) => client.unlink(...keys),
        async () => client.disconnect(),
      );
    },
  };
}

function rawCache(
  namespace: string,
  get: (key: string) => Promise<string | null>,
  set: (key: string, text: string) => Promise<unknown>,
  unlink: (keys: readonly string[]) => Promise<unknown>,
  close: () => Promise<void>,
): BenchCache {
  const full = (key: string): string => `${namespace}:${key}`;
  return {
    async getOrSet(key, loader) {
      const text = await get(full(key));
      if (text !== null) return JSON.parse(text) as typeof VALUE;
      const value = await loader();
      await set(full(key), JSON.stringify(value));
      return value;
    },
    get: async (key) => {
      const text = await get(full(key));
      return text === null ? undefined : JSON.parse(text);
    },
    invalidate: (keys) =>
      keys.length === 0 ? notSupported('invalidate nothing') : unlink(keys.map(full)),
    close,
  };
}
