import { guardCost } from '../scenarios/g01_guard_cost.ts';
import { monitorCost } from '../scenarios/g02_monitor_cost.ts';
import { leakedLeases } from '../scenarios/g03_leaked_leases.ts';
import { probeStall } from '../scenarios/g04_probe_stall.ts';
import { heapVerdict } from '../scenarios/g05_heap_verdict.ts';
import { overload } from '../scenarios/g06_overload.ts';
import { fewerConnections } from '../scenarios/g07_fewer_connections.ts';
import { memoryBack } from '../scenarios/g08_memory_back.ts';
import { largeResults } from '../scenarios/g09_large_results.ts';
import { gcEvents } from '../scenarios/g10_gc_events.ts';
import { localHit } from '../scenarios/k01_local_hit.ts';
import { redisHit } from '../scenarios/k02_redis_hit.ts';
import { singleRedisHit } from '../scenarios/k03_single_redis_hit.ts';
import { distantRedis } from '../scenarios/k04_distant_redis.ts';
import { invalidation } from '../scenarios/k05_invalidation.ts';
import { missAndFill } from '../scenarios/k06_miss_and_fill.ts';
import { stampede } from '../scenarios/k07_stampede.ts';
import { hitRatio } from '../scenarios/k08_hit_ratio.ts';
import { invalidationFeed } from '../scenarios/k09_invalidation_feed.ts';
import { sharedLanes } from '../scenarios/p01_shared_lanes.ts';
import { fewLanes } from '../scenarios/p02_few_lanes.ts';
import { distantLanes } from '../scenarios/p03_distant_lanes.ts';
import { lanesAgainstPostgresJs } from '../scenarios/p04_lanes_against_postgres_js.ts';
import { mixedLanes } from '../scenarios/p05_mixed_lanes.ts';
import { exclusiveQuery } from '../scenarios/p06_exclusive_query.ts';
import { failingStatements } from '../scenarios/p07_failing_statements.ts';
import { coldSpike } from '../scenarios/p08_cold_spike.ts';
import { hikariSpike } from '../scenarios/p09_hikari_spike.ts';
import { acquireCost } from '../scenarios/p10_acquire_cost.ts';
import { silentConnections } from '../scenarios/p11_silent_connections.ts';
import { serverKilled } from '../scenarios/p12_server_killed.ts';
import { metastability } from '../scenarios/p13_metastability.ts';
import { selfSized } from '../scenarios/p14_self_sized.ts';
import { fullRange } from '../scenarios/p15_full_range.ts';
import { freshStart } from '../scenarios/s01_start_command.ts';
import { freshTest } from '../scenarios/s02_test_command.ts';
import { poolCoreSize } from '../scenarios/s03_pool_core_size.ts';
import type { Scenario } from './scenario.ts';

/** Every scenario, in the order of the target table. */
export const SCENARIOS: readonly Scenario[] = [
  sharedLanes,
  fewLanes,
  distantLanes,
  lanesAgainstPostgresJs,
  mixedLanes,
  exclusiveQuery,
  failingStatements,
  coldSpike,
  hikariSpike,
  acquireCost,
  silentConnections,
  serverKilled,
  metastability,
  selfSized,
  fullRange,
  localHit,
  redisHit,
  singleRedisHit,
  distantRedis,
  invalidation,
  missAndFill,
  stampede,
  hitRatio,
  invalidationFeed,
  guardCost,
  monitorCost,
  leakedLeases,
  probeStall,
  heapVerdict,
  overload,
  fewerConnections,
  memoryBack,
  largeResults,
  gcEvents,
  freshStart,
  freshTest,
  poolCoreSize,
];

/** Their ids, in that order. */
export const SCENARIO_IDS: readonly string[] = SCENARIOS.map(({ id }) => id);

export function scenarioById(idOrName: string): Scenario | undefined {
  return SCENARIOS.find(({ id, name }) => id === idOrName || name === idOrName);
}
