import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { CachePerformanceEnhancer } from './cache_performance_enhancer.ts';
import type { CachePerformanceEnhancerOptions } from './options.ts';

type Settings = Partial<CachePerformanceEnhancerOptions>;

/** Caches of one namespace that no other test uses, on one server. */
export interface CacheFixture extends AsyncDisposable {
  readonly namespace: string;
  /** A client beside the caches. */
  readonly raw: Redis;
  /** One more process, as far as the caches can tell; started. */
  node(settings?: Settings): Promise<CachePerformanceEnhancer>;
  /** The same, not started. */
  cold(settings?: Settings): CachePerformanceEnhancer;
}

export function cacheFixture(url: string, common: Settings = {}): CacheFixture {
  const namespace = `test-${randomUUID()}`;
  const raw = new Redis(url);
  raw.on('error', () => undefined);
  const caches: CachePerformanceEnhancer[] = [];
  const cold = (settings: Settings = {}): CachePerformanceEnhancer => {
    // Limits for a machine under load: a test that is about one of them sets it.
    const cache = new CachePerformanceEnhancer({
      redis: raw,
      namespace,
      softTimeoutMs: 1000,
      hardTimeoutMs: 5000,
      maxStalenessMs: 10_000,
      ...common,
      ...settings,
    });
    caches.push(cache);
    return cache;
  };
  return {
    namespace,
    raw,
    cold,
    node: async (settings) => {
      const cache = cold(settings);
      await cache.start();
      return cache;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(caches.map((cache) => cache.close()));
      raw.disconnect();
    },
  };
}

/** Looks until it holds, for at most ten seconds. */
export async function eventually(
  holds: () => boolean | Promise<boolean>,
  what: string,
): Promise<void> {
  const until = performance.now() + 10_000;
  while (!(await holds())) {
    if (performance.now() > until) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Waits until the value is kept in the process, and past its TTL there. */
export function expired(cache: CachePerformanceEnhancer, key: string): Promise<void> {
  return eventually(
    () => cache.getCacheMetrics().localEntries > 0 && cache.peek(key) === undefined,
    `${key} is kept and expires`,
  );
}
