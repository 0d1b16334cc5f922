import type { CacheKind } from './bench_cache.ts';

/** One deleteMany is one command and one message on the bus: very large ones hold both up. */
const BATCH = 500;

export const bentocacheCache: CacheKind = bentocache(
  'bentocache 1.6, memory (not serialized, its faster way) + redis driver + redis bus, ttl 1 h',
  false,
);

/** Its default: with `serialize: false`, callers that meet on a cold key fail in 1.6.1 ("reading 'deserialize'"). */
export const serializingBentocache: CacheKind = bentocache(
  'bentocache 1.6, memory + redis driver + redis bus, ttl 1 h',
  true,
);

function bentocache(settings: string, serialize: boolean): CacheKind {
  return {
    name: 'bentocache',
    settings,
    async open({ redisUrl, local, namespace }) {
      const [{ BentoCache, bentostore }, { memoryDriver }, { redisBusDriver, redisDriver }] =
        await Promise.all([
          import('bentocache'),
          import('bentocache/drivers/memory'),
          import('bentocache/drivers/redis'),
        ]);
      const { hostname: host, port } = new URL(redisUrl);
      const connection = { host, port: Number(port || 6379) };
      const shared = bentostore({ prefix: namespace }).useL2Layer(redisDriver({ connection }));
      const store = local
        ? bentostore({ prefix: namespace })
            .useL1Layer(memoryDriver({ maxItems: 50_000, ...(serialize ? {} : { serialize }) }))
            .useL2Layer(redisDriver({ connection }))
            .useBus(redisBusDriver({ connection }))
        : shared;
      const cache = new BentoCache({ default: 'store', ttl: '1h', stores: { store } });
      return {
        getOrSet: (key, factory) => cache.getOrSet({ key, factory }),
        get: (key) => cache.get({ key }),
        async invalidate(keys) {
          for (let i = 0; i < keys.length; i += BATCH) {
            await cache.deleteMany({ keys: keys.slice(i, i + BATCH) });
          }
        },
        close: () => cache.disconnectAll(),
      };
    },
  };
}
