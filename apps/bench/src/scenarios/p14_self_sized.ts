import type { RoundContext, RoundOutcome, Scenario } from '../scenario/scenario.ts';
import type { PoolKind } from '../subjects/bench_pool.ts';
import { fynloFixed, fynloPool } from '../subjects/fynlo_pool.ts';
import { pgPool } from '../subjects/pg_pool.ts';
import { makeItems } from './items.ts';
import { selectItems } from './select_items.ts';

/** The sizes somebody who tunes by hand would try; one for each caller is a subject of its own. */
const SIZES = [2, 4, 8, 10, 16, 20, 32, 50, 100];

/** One near the best that a sweep finds, on two cores: from 4 to 20 the differences are within the noise. */
const FIXED = 10;

const LOOK_EVERY_MS = 50;

/** What each size has in the sweep: until its connections are open, then what is measured, ms. */
const LOOK_WARMUP_MS = 500;
const LOOK_MS = 800;
/** V8 compiles what the queries go through for two seconds. */
const COMPILED_MS = 3000;

export const selfSized: Scenario = {
  id: 'P14',
  name: 'self-sized',
  group: 'pool',
  question: 'Does a pool that may open 500 connections settle where the best fixed size would be?',
  target: '>= 0.95x throughput of the best fixed size',
  needs: ['postgres'],
  takes: ['callers', 'connections', 'duration', 'warmup'],
  // The question is where it settles: a ceiling is held for five seconds before it is looked at again. P8 and P15 ask how fast.
  params: { callers: 200, connections: 500, warmupMs: 9000, durationMs: 2400 },
  roundMs: ({ warmupMs, durationMs }, subject) =>
    (subject === 'best fixed size' ? COMPILED_MS + SIZES.length * (LOOK_WARMUP_MS + LOOK_MS) : 0) +
    warmupMs +
    durationMs,
  rounds: 5,
  criteria: [
    { metric: 'opsPerSecond', subject: 'fynlo', peer: 'best fixed size', op: '>=', bound: 0.95 },
  ],
  setup: makeItems,
  subjects: [
    {
      name: 'fynlo',
      settings: '@fynlo/pool-core Pool that sizes itself, max 500',
      round: (context) => oneSize(fynloPool, context, context.params.connections),
    },
    {
      name: 'best fixed size',
      settings: `pg.Pool at the best of ${SIZES.join(', ')}, measured again`,
      round: sweep,
    },
    {
      // Beside it: what of the difference is the size, and what the pool.
      name: `fynlo at ${FIXED}`,
      settings: `@fynlo/pool-core Pool that does not size itself (adaptiveCeiling: false), max = ${FIXED}`,
      round: (context) => oneSize(fynloFixed, context, FIXED),
    },
    {
      name: 'pg.Pool at 200',
      settings: 'pg.Pool, max = callers',
      round: (context) => oneSize(pgPool, context, context.params.callers),
    },
  ],
};

/** Beside the throughput, the size that the pool had meanwhile: F47 wants it near the best one. */
async function oneSize(
  kind: PoolKind,
  context: RoundContext,
  connections: number,
): Promise<RoundOutcome> {
  const params = { ...context.params, connections };
  const sizes: number[] = [];
  let looking: NodeJS.Timeout | undefined;
  const open: PoolKind['open'] = async (options) => {
    const pool = await kind.open(options);
    looking = setInterval(() => sizes.push(pool.size?.() ?? Number.NaN), LOOK_EVERY_MS);
    return pool;
  };
  const outcome = await selectItems(open, { ...context, params });
  clearInterval(looking);
  const seen = sizes.slice(-params.durationMs / LOOK_EVERY_MS);
  const settledSize = seen.reduce((sum, size) => sum + size, 0) / seen.length;
  return { ...outcome, metrics: { ...outcome.metrics, settledSize } };
}

/**
 * A short look at each size, then the best of them measured anew, as long as the others are: the best of ten short looks is
 * the one whose noise was kindest, and would set a bound that no pool holds, the best fixed size itself included.
 */
async function sweep(context: RoundContext): Promise<RoundOutcome> {
  const lookFor = (warmupMs: number, durationMs: number): RoundContext => ({
    ...context,
    params: { ...context.params, warmupMs, durationMs },
  });
  // Or the sizes that are tried first are those of a process whose code is not compiled yet.
  await oneSize(pgPool, lookFor(COMPILED_MS, LOOK_EVERY_MS), FIXED);
  const looks = new Map<number, number>();
  for (const size of SIZES) {
    const { metrics } = await oneSize(pgPool, lookFor(LOOK_WARMUP_MS, LOOK_MS), size);
    looks.set(size, metrics.opsPerSecond ?? 0);
  }
  const [bestSize] = [...looks].reduce((a, b) => (b[1] > a[1] ? b : a));
  const measured = await oneSize(pgPool, context, bestSize);
  return { ...measured, details: { bestSize, opsPerSecond: Object.fromEntries(looks) } };
}
