import { Redis } from 'ioredis';
import { afterAll, expect, test } from 'vitest';
import { CachePerformanceEnhancer } from './cache_performance_enhancer.ts';
import { InvalidOptionError } from './errors.ts';

const redis = new Redis({ lazyConnect: true });
afterAll(() => redis.disconnect());
const cache = new CachePerformanceEnhancer({ redis });

test.each<[string, Record<string, unknown>, string]>([
  ['no redis', { redis: undefined }, 'options.redis'],
  ['a URL for redis', { redis: 'redis://localhost' }, 'options.redis'],
  ['a cluster', { redis: { duplicate: () => redis, isCluster: true } }, 'options.redis'],
  ['an unknown option', { ttl: 5 }, 'options.ttl'],
  ['a TTL of 0', { ttlMs: 0 }, 'options.ttlMs'],
  ['a TTL that is not a number', { ttlMs: Number.NaN }, 'options.ttlMs'],
  ['a TTL as text', { ttlMs: '60' }, 'options.ttlMs'],
  ['an infinite TTL', { ttlMs: Number.POSITIVE_INFINITY }, 'options.ttlMs'],
  ['a negative byte bound', { maxLocalBytes: -1 }, 'options.maxLocalBytes'],
  ['jitter above 1', { ttlJitter: 1.1 }, 'options.ttlJitter'],
  ['an empty namespace', { namespace: '' }, 'options.namespace'],
  [
    'a soft limit above the hard one',
    { softTimeoutMs: 200, hardTimeoutMs: 100 },
    'options.softTimeoutMs',
  ],
  ['an unknown coherence', { coherence: 'pubsub' }, 'options.coherence'],
])('%s is refused with the field and the wanted range', (_name, bad, field) => {
  expect(() => new CachePerformanceEnhancer({ redis, ...bad } as never)).toThrow(
    expect.objectContaining({
      code: 'ERR_CACHE_INVALID_OPTION',
      field,
      wanted: expect.any(String),
    }),
  );
});

test('a hard limit below the default soft one lowers that too', () => {
  expect(() => new CachePerformanceEnhancer({ redis, hardTimeoutMs: 5 })).not.toThrow();
});

test.each<[string, () => unknown]>([
  ['a key that is not text', () => cache.getOrSet(7 as never, () => 1)],
  ['an empty key', () => cache.getOrSet('', () => 1)],
  ['a key with a lone surrogate', () => cache.getOrSet('a\ud800', () => 1)],
  ['a loader that is none', () => cache.getOrSet('k', 'value' as never)],
  ['an unknown entry option', () => cache.getOrSet('k', () => 1, { ttl: 5 } as never)],
  ['a bad TTL', () => cache.getOrSet('k', () => 1, { ttlMs: -1 })],
  ['tags that are text', () => cache.getOrSet('k', () => 1, { tags: 'a' as never })],
  ['an empty tag', () => cache.getOrSet('k', () => 1, { tags: [''] })],
  [
    'a bad wrap option',
    () =>
      cache.wrap(
        (id: string) => id,
        (id) => id,
        { ttlMs: 0 },
      ),
  ],
  ['a bad size to shrink to', () => cache.shrink(Number.NaN)],
])('%s is refused at the call', (_name, call) => {
  expect(call).toThrow(InvalidOptionError);
});

test('invalidate and getMany refuse what is not a list of names', async () => {
  await expect(cache.invalidate({ keys: 'k' as never })).rejects.toThrow(InvalidOptionError);
  await expect(cache.invalidate({ tags: [3 as never] })).rejects.toThrow(InvalidOptionError);
  await expect(cache.getMany('k' as never)).rejects.toThrow(InvalidOptionError);
});
