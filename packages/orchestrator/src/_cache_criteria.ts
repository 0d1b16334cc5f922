import type { CacheOptimizationResult } from './cache_result.ts';
import { type Criterion, type CriterionDefinition, judge } from './criterion.ts';
import type { CacheProfile } from './profile.ts';
import { saturationCauses } from './saturation_policy.ts';

const scenario = 'cache';

/** The criteria of scenario 3. */
export function cacheCriteria(
  { workload, invalidation }: CacheOptimizationResult,
  profile: CacheProfile,
): Criterion[] {
  const skipped = profile.reducedTo;
  const requests = workload?.offered ?? 0;
  const define = (
    definition: Omit<CriterionDefinition, 'scenario' | 'hostSensitive'> & {
      hostSensitive?: boolean;
    },
  ): CriterionDefinition => ({ scenario, hostSensitive: false, ...definition });
  return [
    judge(
      define({
        id: 'cache-hit-ratio',
        metric: 'hits ÷ requests, cold start included',
        statistic: 'ratio',
        op: '>',
        threshold: 95,
        unit: '%',
        minSamples: 1000,
      }),
      {
        skipped,
        measured: workload === null ? null : 100 * workload.hitRatio,
        samples: requests,
        note:
          workload === null
            ? undefined
            : `an unbounded cache would have reached ${(100 * workload.achievableHitRatio).toFixed(2)} % on the same requests (Zipf ${workload.zipfExponent} over ${workload.keys} keys, in process ${(workload.maxLocalBytes / 1024 / 1024).toFixed(1)} MiB)`,
      },
    ),
    judge(
      define({
        id: 'cache-response-time',
        metric: 'response time of a read, hits and misses together',
        statistic: 'mean',
        op: '<',
        threshold: 0.5,
        unit: 'ms',
        hostSensitive: true,
        minSamples: 1000,
      }),
      {
        skipped,
        measured: workload === null ? null : workload.response.mean,
        samples: requests,
        saturation: workload === null ? [] : saturationCauses(workload.evidence, 0.5),
        note:
          workload === null
            ? undefined
            : `p95 ${workload.response.p95.toFixed(3)} ms, p99 ${workload.response.p99.toFixed(3)} ms, mean from the intended start ${workload.responseFromIntended.mean.toFixed(3)} ms`,
      },
    ),
    judge(
      define({
        id: 'cache-invalidation-rate',
        metric: 'keys invalidated a second, on two nodes',
        statistic: 'rate',
        op: '>=',
        threshold: 500,
        unit: 'keys/s',
        hostSensitive: true,
      }),
      {
        measured: invalidation?.keysPerSecond ?? null,
        samples: invalidation?.keys ?? 0,
        note: invalidation === null ? undefined : `in batches of ${invalidation.batchKeys}`,
      },
    ),
    judge(
      define({
        id: 'cache-stale-reads',
        metric:
          'old values given out: here after the invalidation returned, on the other node once told',
        statistic: 'count',
        op: '=',
        threshold: 0,
        unit: 'reads',
      }),
      {
        measured:
          invalidation === null ? null : invalidation.staleHere + invalidation.staleElsewhere,
        samples: invalidation === null ? 0 : 2 * invalidation.keys,
      },
    ),
    judge(
      define({
        id: 'cache-coherence',
        metric: 'from the invalidation until the other node gave out no old value',
        statistic: 'last batch',
        op: '<',
        // The bound of staleness that the cache promises even without a word from Redis (maxStalenessMs).
        threshold: 1000,
        unit: 'ms',
        hostSensitive: true,
      }),
      {
        measured: invalidation === null ? null : (invalidation.coherentAfterMs ?? 5000),
        samples: invalidation === null ? 0 : 1,
      },
    ),
    judge(
      define({
        id: 'cache-wrong-values',
        metric: 'reads answered with the value of another key',
        statistic: 'count',
        op: '=',
        threshold: 0,
        unit: 'reads',
      }),
      { measured: workload?.wrongValues ?? null, samples: requests },
    ),
  ];
}
