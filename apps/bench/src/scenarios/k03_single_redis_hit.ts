import type { Scenario } from '../scenario/scenario.ts';
import { cacheSubjects } from '../subjects/bench_cache.ts';
import { bentocacheCache } from '../subjects/bentocache_cache.ts';
import { fynloCache } from '../subjects/fynlo_cache.ts';
import { rawIoredis } from '../subjects/raw_redis.ts';
import { redisHits } from './redis_hits.ts';

export const singleRedisHit: Scenario = {
  id: 'K3',
  name: 'single-redis-hit',
  group: 'cache',
  question: 'Does a lone request to Redis cost no more than a raw get?',
  target: '>= 0.9x ops of raw ioredis',
  needs: ['redis'],
  takes: ['callers', 'duration', 'warmup', 'rate'],
  loop: 'closed, then open: the target is about one request in flight; 8,000 a second are about half of what our cache gets through',
  params: { callers: 1, connections: 1, warmupMs: 500, durationMs: 2000, openRatePerSecond: 8000 },
  rounds: 5,
  criteria: [{ metric: 'opsPerSecond', subject: 'fynlo', peer: 'ioredis', op: '>=', bound: 0.9 }],
  subjects: cacheSubjects([fynloCache, rawIoredis, bentocacheCache], redisHits),
};
