import type { RoundContext, RoundOutcome, Scenario, Subject } from '../scenario/scenario.ts';
import { VALUE } from '../subjects/bench_cache.ts';
import {
  arc,
  type EvictionPolicy,
  hitsOf,
  lru,
  optimalHits,
  s3Fifo,
} from '../subjects/eviction_policies.ts';
import { freshNamespace } from './cache_load.ts';
import { generatedTraces, publicTraces, TRACES_FOLDER, type Trace } from './hit_ratio_traces.ts';

/** The most of its bytes that our cache spends on remembering what it evicted; the policies remember for nothing. */
const GHOST_SHARE = 0.1;

/** Of a trace's keys, how many there is room for. */
const SIZES = [0.005, 0.02, 0.1];

interface Row {
  readonly trace: string;
  readonly entries: number;
  readonly hitRatio: number;
}

export const hitRatio: Scenario = {
  id: 'K8',
  name: 'hit-ratio',
  group: 'cache',
  question:
    'Which share of requests does the in-process level answer, against LRU, ARC, S3-FIFO and the optimum?',
  target: `mean at or above S3-FIFO, no row > 2 points under LRU (generated traces, and the public ones in ${TRACES_FOLDER})`,
  needs: ['redis'],
  takes: [],
  params: { callers: 1, connections: 1, warmupMs: 0, durationMs: 0 },
  limitMs: 900_000,
  roundMs: (_, subject) => (subject === 'fynlo' ? 29_000 : 6000),
  rounds: 5,
  tableRounds: 1,
  criteria: [
    { metric: 'hitRatio', subject: 'fynlo', peer: 'S3-FIFO', op: '>=', bound: 1 },
    { metric: 'pointsUnderLru', subject: 'fynlo', op: '<=', bound: 2 },
  ],
  subjects: [
    {
      name: 'fynlo',
      settings:
        '@fynlo/cache-enhancer as it is used, over Redis; maxLocalBytes for as many entries as the others may hold, and its ghosts beside them',
      round: ourRound,
    },
    ...[s3Fifo, lru, arc].map(policySubject),
    {
      name: 'OPT',
      settings: 'Belady: knows the future',
      round: (context) => overTraces(context, async ({ keys }, size) => optimalHits(keys, size)),
    },
  ],
};

function policySubject(policy: EvictionPolicy): Subject {
  return {
    name: policy.name,
    settings: policy.settings,
    round: (context) => overTraces(context, async ({ keys }, size) => hitsOf(policy, keys, size)),
  };
}

async function ourRound(context: RoundContext): Promise<RoundOutcome> {
  const [{ CachePerformanceEnhancer }, { Redis }] = await Promise.all([
    import('@fynlo/cache-enhancer'),
    import('ioredis'),
  ]);
  const redis = new Redis(context.redisUrl);
  const loader = async (): Promise<typeof VALUE> => VALUE;
  const open = async (namespace: string, maxLocalBytes?: number) => {
    const sized = maxLocalBytes === undefined ? {} : { maxLocalBytes };
    const cache = new CachePerformanceEnhancer({ redis, namespace, ttlMs: 3_600_000, ...sized });
    await cache.start();
    return cache;
  };

  const roomy = await open(`${freshNamespace(context.seed)}-roomy`);
  for (let key = 0; key < 1000; key++) await roomy.getOrSet(nameOf(key), loader);
  const { localBytes, localEntries } = roomy.getCacheMetrics();
  await roomy.close();
  const entryBytes = localBytes / localEntries;

  let worst = Number.NEGATIVE_INFINITY;
  const outcome = await overTraces(context, async ({ name, keys }, size) => {
    // One for a trace: from the second size on, Redis has what the process has not.
    const cache = await open(
      `${freshNamespace(context.seed)}-${name}`,
      Math.ceil((size * entryBytes) / (1 - GHOST_SHARE)),
    );
    for (const key of keys) await cache.getOrSet(nameOf(key), loader);
    const { hits, staleServed, localEntries: held } = cache.getCacheMetrics();
    await cache.close();
    if (staleServed > 0) throw new Error(`${staleServed} hits could not be proven fresh`);
    if (held > size * 1.02) throw new Error(`our cache held ${held} entries instead of ${size}`);
    worst = Math.max(worst, ((hitsOf(lru, keys, size) - hits.local) / keys.length) * 100);
    return hits.local;
  });
  redis.disconnect();
  return { ...outcome, metrics: { ...outcome.metrics, pointsUnderLru: worst } };
}

/** Of one length, so that every entry weighs the same. */
function nameOf(key: number): string {
  return String(key).padStart(10, '0');
}

/** All traces at all sizes; the mean counts every row alike. */
async function overTraces(
  { seed }: RoundContext,
  hits: (trace: Trace, size: number) => Promise<number>,
): Promise<RoundOutcome> {
  const traces = [...generatedTraces(seed), ...(await publicTraces(process.env[TRACES_FOLDER]))];
  const rows: Row[] = [];
  for (const trace of traces) {
    const distinct = new Set(trace.keys).size;
    for (const share of SIZES) {
      const entries = Math.round(distinct * share);
      const found = await hits(trace, entries);
      rows.push({ trace: trace.name, entries, hitRatio: found / trace.keys.length });
    }
  }
  const mean = rows.reduce((sum, row) => sum + row.hitRatio, 0) / rows.length;
  return { metrics: { hitRatio: mean }, details: { rows } };
}
