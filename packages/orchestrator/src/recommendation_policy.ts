import type { OptimizationRun } from './optimization_run.ts';

/** Something worth changing, computed from what was measured. */
export interface Recommendation {
  readonly id: string;
  /** What to set, e.g. `maxConnections`. */
  readonly setting: string;
  readonly value: string;
  readonly why: string;
}

/** What the numbers of this run say about settings; the order is the order of the scenarios. */
export function recommend(run: OptimizationRun): Recommendation[] {
  return [
    ...poolRecommendations(run),
    ...resourceRecommendations(run),
    ...cacheRecommendations(run),
    ...environmentRecommendations(run),
  ];
}

/** Above this the pool's own rule opens more; a size that keeps the load under it needs no growth at the peak. */
const SCALING_THRESHOLD = 0.8;

function poolRecommendations({ scenarios, environment }: OptimizationRun): Recommendation[] {
  const { scaling } = scenarios;
  const quality = scaling?.quality;
  if (scaling === null || !quality) return [];
  const needed = Math.ceil(quality.peakLeased / SCALING_THRESHOLD);
  const recommendations: Recommendation[] = [
    {
      id: 'pool-maximum',
      setting: 'maxConnections',
      value: String(needed),
      why: `the load of this run had at most ${quality.peakLeased} connections leased at once; ${needed} hold them at ${100 * SCALING_THRESHOLD} % utilisation`,
    },
  ];
  const low = scaling.levels[0]?.size;
  if (low) {
    recommendations.push({
      id: 'pool-minimum',
      setting: 'minConnections',
      value: String(Math.max(1, Math.round(low.mean))),
      why: `the pool settled at ${low.mean.toFixed(0)} connections under the lowest load, so fewer kept warm are opened again at once`,
    });
  }
  const share = environment.postgres.maxConnections / Math.max(1, needed);
  recommendations.push({
    id: 'server-limit',
    setting: 'instances of this service',
    value: `at most ${Math.max(1, Math.floor(share))}`,
    why: `each may open ${needed} connections, and the server allows ${environment.postgres.maxConnections}`,
  });
  const { connectMs } = scaling;
  if (connectMs.count > 0 && connectMs.p95 > 20) {
    recommendations.push({
      id: 'connect-cost',
      setting: 'a nearer server, cheaper authentication, or a larger minConnections',
      value: `connect p95 ${connectMs.p95.toFixed(1)} ms`,
      why: 'a waiter that needs a new connection pays this; above 20 ms it is the largest part of a response at growth',
    });
  }
  for (const level of scaling.levels) {
    const { p95 } = level.response;
    if (p95 >= level.level.responseP95Ms) {
      const waiting = level.acquireWait.p95 > level.query.p95;
      recommendations.push({
        id: `response-${level.level.name}`,
        setting: waiting
          ? 'maxConnections, or shorter transactions'
          : 'the query, the server, or the network',
        value: `p95 ${p95.toFixed(2)} ms under ${level.level.name} load`,
        why: waiting
          ? `most of it is waiting for a connection (p95 ${level.acquireWait.p95.toFixed(2)} ms)`
          : `most of it is not waiting for a connection (p95 ${level.acquireWait.p95.toFixed(2)} ms) but the query (p95 ${level.query.p95.toFixed(2)} ms) and getting on the CPU`,
      });
    }
  }
  return recommendations;
}

function resourceRecommendations({ scenarios }: OptimizationRun): Recommendation[] {
  const { resources } = scenarios;
  if (resources === null) return [];
  const recommendations: Recommendation[] = [];
  const [without, withOptimizer] = resources.phases;
  if (without && withOptimizer && withOptimizer.rssAfterBurstMb < 0.9 * without.rssAfterBurstMb) {
    recommendations.push({
      id: 'trim-after-bursts',
      setting: 'ResourceUsageOptimizer, started',
      value: `${without.rssAfterBurstMb.toFixed(0)} → ${withOptimizer.rssAfterBurstMb.toFixed(0)} MiB`,
      why: 'what an idle process kept after a burst of garbage, without and with it',
    });
  }
  for (const report of withOptimizer?.reports ?? []) {
    const raised = report.actions.findLast((a) => a.applied && a.unit === 'connections');
    if (report.target === 'network' && raised !== undefined) {
      recommendations.push({
        id: 'pool-minimum-for-waves',
        setting: 'minConnections or idleTimeoutMs',
        value: `${raised.before} → ${raised.after} connections kept`,
        why: raised.reason,
      });
      break;
    }
  }
  resources.nodeOptions?.flags.forEach((flag, i) => {
    recommendations.push({
      id: `node-option-${i + 1}`,
      setting: 'NODE_OPTIONS',
      value: flag,
      why: resources.nodeOptions?.why[i] ?? 'recommended for this machine',
    });
  });
  return recommendations;
}

function cacheRecommendations({ scenarios }: OptimizationRun): Recommendation[] {
  const workload = scenarios.cache?.workload;
  if (!workload) return [];
  const missed = workload.achievableHitRatio - workload.hitRatio;
  if (missed > 0.01) {
    return [
      {
        id: 'cache-capacity',
        setting: 'ttlMs, or the memory of Redis',
        value: `${(100 * workload.hitRatio).toFixed(1)} of ${(100 * workload.achievableHitRatio).toFixed(1)} % possible`,
        why: 'an unbounded cache would have hit that much more often on the same requests',
      },
    ];
  }
  const { metrics } = workload;
  const local = metrics.hits.local / Math.max(1, metrics.hits.local + metrics.hits.redis);
  return [
    {
      id: 'cache-local',
      setting: 'maxLocalBytes',
      value: `${(workload.maxLocalBytes / 1024 / 1024).toFixed(1)} MiB`,
      why: `answered ${(100 * local).toFixed(0)} % of the hits without Redis; the hit ratio is within ${(100 * Math.max(0, missed)).toFixed(2)} points of the ceiling`,
    },
  ];
}

function environmentRecommendations({ environment, criteria }: OptimizationRun): Recommendation[] {
  const doubtful = criteria.filter((c) => c.verdict === 'inconclusive');
  const recommendations: Recommendation[] = environment.warnings.map((why, i) => ({
    id: `environment-${i + 1}`,
    setting: 'the machine of the run',
    value: 'quieter',
    why,
  }));
  if (doubtful.length > 0) {
    recommendations.push({
      id: 'repeat',
      setting: 'the run',
      value: 'repeat it on a quieter machine',
      why: `${doubtful.map((c) => c.id).join(', ')} could not be decided here`,
    });
  }
  return recommendations;
}
