import type { CacheEngine } from './_cache_engine.ts';
import { beats, median } from './_tuning_policy.ts';
import { RedisUnavailableError } from './errors.ts';
import type { InvalidationShape } from './invalidator.ts';

/** One way of invalidating, measured. */
export interface InvalidationVariant extends InvalidationShape {
  /** Median over the rounds. */
  keysPerSecond: number;
  /** keysPerSecond of each round, in order. */
  rounds: number[];
}

/** What `optimizeCacheInvalidation()` measured and decided. */
export interface InvalidationTuningReport {
  timestamp: number;
  variants: InvalidationVariant[];
  before: InvalidationShape;
  after: InvalidationShape;
  /** Why `after` was chosen, in words with numbers. */
  reason: string;
  /** Deleted in each measurement; existing keys of 100 bytes. */
  keys: number;
  tookMs: number;
}

const VARIANTS: readonly InvalidationShape[] = [
  { batchKeys: 500, batchesInFlight: 4, command: 'del' },
  { batchKeys: 100, batchesInFlight: 1, command: 'del' },
  { batchKeys: 100, batchesInFlight: 4, command: 'del' },
  { batchKeys: 500, batchesInFlight: 1, command: 'del' },
  { batchKeys: 1000, batchesInFlight: 4, command: 'del' },
  { batchKeys: 500, batchesInFlight: 4, command: 'unlink' },
];
const ROUNDS = 5;
// Not counted: compiling code and filling caches.
const WARM_UPS = 1;
const KEYS = 10_000;
const SCRATCH_TTL_MS = 60_000;
const WRITE_MS = 5000;
const WRITE_KEYS = 500;
const VALUE = 'x'.repeat(100);

/**
 * Measures the variants interleaved on keys of their own, and applies the winner.
 *
 * @param count of keys in each measurement
 * @throws RedisUnavailableError
 */
export async function tuneInvalidation(
  engine: CacheEngine,
  count: number = KEYS,
): Promise<InvalidationTuningReport> {
  const { clock } = engine.options;
  const began = clock.now();
  const { invalidator } = engine;
  const before = invalidator.shape;
  const prefix = `${engine.level.prefix}p:${engine.level.token()}:`;
  const keys = Array.from({ length: count }, (_, i) => `${prefix}${i}`);
  const rounds = VARIANTS.map((): number[] => []);
  for (let round = -WARM_UPS; round < ROUNDS; round++) {
    for (let i = 0; i < VARIANTS.length; i++) {
      const at = (i + round + WARM_UPS) % VARIANTS.length;
      const result = await measure(engine, keys, VARIANTS[at] as InvalidationShape);
      if (round >= 0) rounds[at]?.push(result);
    }
  }
  const variants = VARIANTS.map((shape, i) => {
    const own = rounds[i] as number[];
    return { ...shape, keysPerSecond: median(own), rounds: own };
  });
  const current = variants.find((v) => name(v) === name(before)) as InvalidationVariant;
  let best = current;
  for (const variant of variants)
    if (variant !== current && beats(variant.rounds, best.rounds)) best = variant;
  const { batchKeys, batchesInFlight, command } = best;
  invalidator.shape = { batchKeys, batchesInFlight, command };
  const numbers = variants.map((v) => `${name(v)} ${Math.round(v.keysPerSecond)}/s`).join(', ');
  return {
    timestamp: clock.wallNow(),
    variants,
    before,
    after: invalidator.shape,
    reason:
      best === current
        ? `nothing beat ${name(before)} by 5 % in most rounds: ${numbers}`
        : `${name(best)} beat ${name(before)} by 5 % and in most rounds: ${numbers}`,
    keys: count,
    tookMs: clock.now() - began,
  };
}

async function measure(
  engine: CacheEngine,
  keys: readonly string[],
  shape: InvalidationShape,
): Promise<number> {
  const { link } = engine;
  for (const lane of link.lanes) {
    const own = keys.filter((key) => link.laneOf(key) === lane);
    // In one pipeline ten thousand commands would live at once, each with its promise.
    for (let from = 0; from < own.length; from += WRITE_KEYS) {
      await link.call(lane, WRITE_MS, (redis) => {
        const pipeline = redis.pipeline();
        for (const key of own.slice(from, from + WRITE_KEYS))
          pipeline.set(key, VALUE, 'PX', SCRATCH_TTL_MS);
        return pipeline.exec();
      });
    }
  }
  const began = performance.now();
  const { failed, error } = await engine.invalidator.delete(keys, shape);
  if (failed.length > 0) {
    throw new RedisUnavailableError(
      'timeout',
      `${failed.length} of ${keys.length} scratch keys were not deleted`,
      { cause: error },
    );
  }
  return (keys.length / (performance.now() - began)) * 1000;
}

function name(shape: InvalidationShape): string {
  return `${shape.command} ${shape.batchKeys} x ${shape.batchesInFlight}`;
}
