import { DistinctKeys } from './_distinct_keys.ts';
import { LatencyHistogram, type LatencySummary } from './latency_histogram.ts';

/** A point in time of a cache. Counters run from construction. */
export interface CacheMetrics {
  /** Milliseconds since 1970. */
  timestamp: number;
  /** Calls of getOrSet and get, and keys of getMany. */
  requests: number;
  /** By where the value came from; a load or reply that was just arriving counts as local. */
  hits: { local: number; redis: number };
  /** Requests for which a loader had to run, or that found nothing. Those that joined a running load are among them. */
  misses: number;
  /** Misses that joined a load which another request of this process had started. */
  joined: number;
  /** hits / requests, 0..1; 0 without requests. */
  hitRatio: number;
  /**
   * What a cache without bounds and expiry could have reached on the same requests: 1 - different keys / requests. An upper bound:
   * expiry and invalidations lower it. Exact up to 4096 keys, then within about 1 %.
   */
  achievableHitRatio: number;
  distinctKeys: number;
  /** Hits that were past their TTL, or not provably fresh, and covered by grace. */
  staleServed: number;
  loads: number;
  loadErrors: number;
  /** Loads whose result was not stored because the key was invalidated or replaced meanwhile. */
  fillsRefused: number;
  /** Reads whose result was not kept in this process because an invalidation came while they were under way. */
  readsPoisoned: number;
  /** Values refreshed in the background, before or after their expiry. */
  refreshes: number;
  /** Keys and tags given to `invalidate`. */
  invalidations: number;
  /** Keys and tags of which other processes told this one. */
  invalidationsReceived: number;
  /** Invalidations that wait for Redis to come back. */
  invalidationsPending: number;
  evictions: number;
  localEntries: number;
  /** Estimated heap bytes of the in-process level. */
  localBytes: number;
  maxLocalBytes: number;
  /** Of all requests, in milliseconds, as the caller saw it. After the first 1024, one local hit in 256 is timed and weighted. */
  latency: LatencySummary;
  latencyBy: { local: LatencySummary; redis: LatencySummary; load: LatencySummary };
  redisState: 'idle' | 'connecting' | 'ready' | 'down' | 'closed';
  redisTimeouts: number;
  breakerOpened: number;
  /** `armed`: local hits are proven by the feed. `refused`: by age alone. */
  feedState: 'off' | 'connecting' | 'armed' | 'refused';
  /** The most keys that one MGET carried. */
  largestReadBatch: number;
}

export type Source = 'redis' | 'stale' | 'load' | 'none';

/** What a request is answered with. */
export interface Answer {
  value: unknown;
  source: Source;
}

const ALL_TIMED = 1024;
const SAMPLE = 256;

/** Whether the next local hit is timed: the first 1024, then one in 256. Reading the clock twice would be most of a hit's cost. */
export function isTimed(localHits: number): boolean {
  return localHits < ALL_TIMED || localHits % SAMPLE === 0;
}

/** Counts; the facade's hot path adds to the plain fields directly. */
export class Recorder {
  localHits = 0;
  redisHits = 0;
  misses = 0;
  joined = 0;
  staleServed = 0;
  loads = 0;
  loadErrors = 0;
  fillsRefused = 0;
  readsPoisoned = 0;
  refreshes = 0;
  invalidations = 0;
  invalidationsReceived = 0;
  readonly distinct: DistinctKeys = new DistinctKeys();
  readonly local: LatencyHistogram = new LatencyHistogram();
  readonly redis: LatencyHistogram = new LatencyHistogram();
  readonly load: LatencyHistogram = new LatencyHistogram();

  /** One request answered with the help of Redis or a loader. */
  answered(source: Source, ms: number): void {
    if (source === 'redis' || source === 'stale') {
      this.redisHits++;
      if (source === 'stale') this.staleServed++;
      this.redis.record(ms);
    } else {
      this.misses++;
      this.load.record(ms);
    }
  }

  /** A timed local hit, already counted; it stands for those that were not timed since the last one. */
  localHit(ms: number): void {
    this.local.record(ms, this.localHits <= ALL_TIMED ? 1 : SAMPLE);
  }

  requests(): number {
    return this.localHits + this.redisHits + this.misses;
  }

  hitRatio(): number {
    const requests = this.requests();
    return requests === 0 ? 0 : (this.localHits + this.redisHits) / requests;
  }

  latency(): LatencySummary {
    const all = new LatencyHistogram();
    for (const part of [this.local, this.redis, this.load]) all.add(part);
    return all.summary();
  }
}
