import { startFaultProxy } from '@fynlo/services/fault-proxy';
import type { Scenario } from '../scenario/scenario.ts';
import { cacheSubjects } from '../subjects/bench_cache.ts';
import { fynloCache } from '../subjects/fynlo_cache.ts';
import { autopipelinedIoredis, rawIoredis } from '../subjects/raw_redis.ts';
import { redisHits } from './redis_hits.ts';

export const distantRedis: Scenario = {
  id: 'K4',
  name: 'distant-redis',
  group: 'cache',
  question:
    'Does gathering reads add latency when Redis is 4 ms away and 5,000 requests a second arrive?',
  target: 'p50 <= 1.05x of raw ioredis, <= 0.6x of autopipelining',
  needs: ['redis'],
  takes: ['callers', 'duration', 'warmup', 'rate'],
  loop: 'open: the target is the p50 of 5,000 requests a second, however long they take',
  params: { callers: 64, connections: 1, warmupMs: 1000, durationMs: 3000, ratePerSecond: 5000 },
  rounds: 5,
  criteria: [
    { metric: 'p50Ms', subject: 'fynlo', peer: 'ioredis', op: '<=', bound: 1.05 },
    { metric: 'p50Ms', subject: 'fynlo', peer: 'ioredis autopipelining', op: '<=', bound: 0.6 },
  ],
  subjects: cacheSubjects([fynloCache, rawIoredis, autopipelinedIoredis], async (open, context) => {
    const { hostname, port } = new URL(context.redisUrl);
    await using proxy = await startFaultProxy({ host: hostname, port: Number(port) });
    proxy.set('delay', { delayMs: 2 });
    // Awaited here: the proxy is closed when this function ends.
    return await redisHits(open, { ...context, redisUrl: proxy.url(context.redisUrl) });
  }),
};
