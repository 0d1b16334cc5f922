import type { Scenario } from '../scenario/scenario.ts';
import { cacheSubjects } from '../subjects/bench_cache.ts';
import { bentocacheCache } from '../subjects/bentocache_cache.ts';
import { fynloCache } from '../subjects/fynlo_cache.ts';
import { autopipelinedIoredis, nodeRedis, rawIoredis } from '../subjects/raw_redis.ts';
import { redisHits } from './redis_hits.ts';

export const redisHit: Scenario = {
  id: 'K2',
  name: 'redis-hit',
  group: 'cache',
  question: 'How fast are values that only Redis has, with 64 requests in flight?',
  target: '>= 1.7x ops at <= 0.5x CPU of raw ioredis, >= 2.5x ops of bentocache',
  needs: ['redis'],
  takes: ['callers', 'duration', 'warmup', 'rate'],
  loop: 'closed, then open: the target is what 64 requests in flight get through; 19,000 a second are about half of what bentocache gets through',
  params: {
    callers: 64,
    connections: 1,
    warmupMs: 500,
    durationMs: 2000,
    openRatePerSecond: 19_000,
  },
  rounds: 5,
  criteria: [
    { metric: 'opsPerSecond', subject: 'fynlo', peer: 'ioredis', op: '>=', bound: 1.7 },
    { metric: 'cpuMicrosPerOp', subject: 'fynlo', peer: 'ioredis', op: '<=', bound: 0.5 },
    { metric: 'opsPerSecond', subject: 'fynlo', peer: 'bentocache', op: '>=', bound: 2.5 },
  ],
  subjects: cacheSubjects(
    [fynloCache, rawIoredis, autopipelinedIoredis, nodeRedis, bentocacheCache],
    redisHits,
  ),
};
