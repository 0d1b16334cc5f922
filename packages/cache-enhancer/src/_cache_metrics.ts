import type { CacheEngine } from './_cache_engine.ts';
import type { CacheMetrics } from './metrics.ts';

/** Counters and states of an engine at this moment. */
export function cacheMetrics(engine: CacheEngine): CacheMetrics {
  const { recorder: r, local, link, coherence, invalidator, options } = engine;
  const requests = r.requests();
  const distinctKeys = Math.min(requests, r.distinct.count());
  return {
    timestamp: options.clock.wallNow(),
    requests,
    hits: { local: r.localHits, redis: r.redisHits },
    misses: r.misses,
    joined: r.joined,
    hitRatio: r.hitRatio(),
    achievableHitRatio: requests === 0 ? 0 : 1 - distinctKeys / requests,
    distinctKeys,
    staleServed: r.staleServed,
    loads: r.loads,
    loadErrors: r.loadErrors,
    fillsRefused: r.fillsRefused,
    readsPoisoned: r.readsPoisoned,
    refreshes: r.refreshes,
    invalidations: r.invalidations,
    invalidationsReceived: r.invalidationsReceived,
    invalidationsPending: invalidator.pending,
    evictions: local.evictions,
    localEntries: local.size,
    localBytes: local.bytes(),
    maxLocalBytes: options.maxLocalBytes,
    latency: r.latency(),
    latencyBy: { local: r.local.summary(), redis: r.redis.summary(), load: r.load.summary() },
    redisState: link.state,
    redisTimeouts: link.timeouts,
    breakerOpened: link.breakerOpened,
    feedState: coherence.state,
    largestReadBatch: Math.max(0, ...link.lanes.map((lane) => lane.batcher.largestBatch)),
  };
}
