import type { CacheEngine } from './_cache_engine.ts';
import { beats, median } from './_tuning_policy.ts';
import { LatencyHistogram, type LatencySummary } from './latency_histogram.ts';
import { type LinkShape, RedisLink } from './redis_link.ts';

/** One way of reading, measured. Medians over the rounds. */
export interface ReadVariant extends LinkShape {
  /** At 64 reads in flight. */
  opsPerSecond: number;
  cpuMicrosPerOp: number;
  loaded: Pick<LatencySummary, 'p50' | 'p99'>;
  /** At one read in flight, in milliseconds. */
  alone: Pick<LatencySummary, 'p50' | 'p99'>;
  /** opsPerSecond of each round, in order. */
  rounds: number[];
}

/** What `optimizeRedisPerformance()` measured and decided. */
export interface RedisTuningReport {
  timestamp: number;
  /** Of PING, in milliseconds: what no tuning can undercut. */
  roundTrip: LatencySummary;
  variants: ReadVariant[];
  before: LinkShape;
  after: LinkShape;
  /** Why `after` was chosen, in words with numbers. */
  reason: string;
  /** What the cache cannot change itself. */
  advice: string[];
  keys: number;
  valueBytes: number;
  tookMs: number;
}

const VARIANTS: readonly LinkShape[] = [
  { connections: 1, reads: 'coalesced' },
  { connections: 2, reads: 'coalesced' },
  { connections: 1, reads: 'autopipelined' },
  { connections: 1, reads: 'single' },
];
const ROUNDS = 5;
// Not counted: compiling code and filling caches.
const WARM_UPS = 1;
const KEYS = 256;
const VALUE_BYTES = 100;
const IN_FLIGHT = 64;
const READS = 4096;
const READS_ALONE = 100;
const SCRATCH_TTL_MS = 60_000;
const PATIENCE_MS = 2000;

interface Round {
  opsPerSecond: number;
  cpuMicrosPerOp: number;
  loaded: LatencySummary;
  alone: LatencySummary;
}

/** Measures the variants interleaved, so that a change of the machine's load hits all of them, and applies the winner. */
export async function tuneRedis(engine: CacheEngine): Promise<RedisTuningReport> {
  const { clock } = engine.options;
  const began = clock.now();
  const before = engine.link.shape;
  const options = {
    ...engine.options,
    hardTimeoutMs: Math.max(PATIENCE_MS, engine.options.hardTimeoutMs),
  };
  const links = VARIANTS.map(
    (shape) => new RedisLink(options, shape, { laneReady() {}, laneLost() {}, up() {}, down() {} }),
  );
  const prefix = `${engine.level.prefix}p:${engine.level.token()}:`;
  const keys = Array.from({ length: KEYS }, (_, i) => `${prefix}${i}`);
  try {
    const roundTrip = await ping(engine);
    for (const link of links) void link.open();
    await whenReady(links, engine);
    await writeScratch(links[0] as RedisLink, keys);
    const rounds = links.map((): Round[] => []);
    for (let round = -WARM_UPS; round < ROUNDS; round++) {
      for (let i = 0; i < links.length; i++) {
        const at = (i + round + WARM_UPS) % links.length;
        const result = await measure(links[at] as RedisLink, keys);
        if (round >= 0) rounds[at]?.push(result);
      }
    }
    const variants = rounds.map((r, i) => summarize(VARIANTS[i] as LinkShape, r));
    const { after, reason } = choose(variants, before);
    if (after !== before) await engine.reshape(after);
    return {
      timestamp: clock.wallNow(),
      roundTrip,
      variants,
      before,
      after: engine.link.shape,
      reason,
      advice: advise(roundTrip, engine.options.hardTimeoutMs),
      keys: KEYS,
      valueBytes: VALUE_BYTES,
      tookMs: clock.now() - began,
    };
  } finally {
    const lane = links[0]?.lanes[0];
    if (lane?.redis.status === 'ready') await lane.redis.del(keys).catch(() => 0);
    for (const link of links) link.close();
  }
}

async function ping(engine: CacheEngine): Promise<LatencySummary> {
  const histogram = new LatencyHistogram();
  for (let i = 0; i < READS_ALONE; i++) {
    const began = performance.now();
    await engine.link.call(engine.link.lanes[0], PATIENCE_MS, (redis) => redis.ping());
    histogram.record(performance.now() - began);
  }
  return histogram.summary();
}

async function whenReady(links: readonly RedisLink[], engine: CacheEngine): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  while (links.some((link) => link.state !== 'ready') && performance.now() < until) {
    await new Promise<void>((resolve) => {
      engine.options.clock.setTimeout(resolve, 5);
    });
  }
}

async function writeScratch(link: RedisLink, keys: readonly string[]): Promise<void> {
  const value = 'x'.repeat(VALUE_BYTES);
  await link.call(link.lanes[0], PATIENCE_MS, (redis) => {
    const pipeline = redis.pipeline();
    for (const key of keys) pipeline.set(key, value, 'PX', SCRATCH_TTL_MS);
    return pipeline.exec();
  });
}

async function measure(link: RedisLink, keys: readonly string[]): Promise<Round> {
  const loaded = new LatencyHistogram();
  const cpu = process.cpuUsage();
  const began = performance.now();
  await readMany(link, keys, IN_FLIGHT, READS, loaded);
  const tookMs = performance.now() - began;
  const used = process.cpuUsage(cpu);
  const alone = new LatencyHistogram();
  await readMany(link, keys, 1, READS_ALONE, alone);
  return {
    opsPerSecond: (READS / tookMs) * 1000,
    cpuMicrosPerOp: (used.user + used.system) / READS,
    loaded: loaded.summary(),
    alone: alone.summary(),
  };
}

async function readMany(
  link: RedisLink,
  keys: readonly string[],
  inFlight: number,
  reads: number,
  histogram: LatencyHistogram,
): Promise<void> {
  let next = 0;
  const reader = async (): Promise<void> => {
    while (next < reads) {
      const key = keys[next++ % keys.length] as string;
      const began = performance.now();
      await link.read(link.laneOf(key), key, []);
      histogram.record(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, reader));
}

function summarize(shape: LinkShape, rounds: readonly Round[]): ReadVariant {
  const of = (pick: (round: Round) => number): number => median(rounds.map(pick));
  return {
    ...shape,
    opsPerSecond: of((r) => r.opsPerSecond),
    cpuMicrosPerOp: of((r) => r.cpuMicrosPerOp),
    loaded: { p50: of((r) => r.loaded.p50), p99: of((r) => r.loaded.p99) },
    alone: { p50: of((r) => r.alone.p50), p99: of((r) => r.alone.p99) },
    rounds: rounds.map((r) => r.opsPerSecond),
  };
}

function choose(
  variants: readonly ReadVariant[],
  before: LinkShape,
): { after: LinkShape; reason: string } {
  const current = variants.find(
    (v) => v.connections === before.connections && v.reads === before.reads,
  ) as ReadVariant;
  let best = current;
  for (const variant of variants)
    if (variant !== current && beats(variant.rounds, best.rounds)) best = variant;
  const numbers = variants.map((v) => `${name(v)} ${Math.round(v.opsPerSecond)}/s`).join(', ');
  if (best === current) {
    return {
      after: before,
      reason: `nothing beat ${name(current)} by 5 % in most rounds: ${numbers}`,
    };
  }
  return {
    after: { connections: best.connections, reads: best.reads },
    reason: `${name(best)} beat ${name(current)} by 5 % and in most rounds: ${numbers}`,
  };
}

function name(shape: LinkShape): string {
  return `${shape.reads} on ${shape.connections} connection${shape.connections === 1 ? '' : 's'}`;
}

function advise(roundTrip: LatencySummary, hardTimeoutMs: number): string[] {
  if (roundTrip.p99 * 3 <= hardTimeoutMs) return [];
  return [
    `PING takes ${roundTrip.p99.toFixed(1)} ms at p99; hardTimeoutMs ${hardTimeoutMs} leaves no room for a slow answer: ` +
      `at least ${Math.ceil(roundTrip.p99 * 3)} would`,
  ];
}
