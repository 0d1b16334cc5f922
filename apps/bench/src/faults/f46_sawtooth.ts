import { setTimeout as sleep } from 'node:timers/promises';
import { atMost, exactly, type Fault, type FaultMetrics } from './fault.ts';
import type { FaultCase } from './fault_case.ts';
import type { TrackedPool } from './tracked_pool.ts';

const MAX = 100;
/** What every caller asks: each arrival a second takes a fifth of a connection. */
const WORK = 'select pg_sleep(0.2)';
/** Arrivals a second at the foot of a tooth and at its tip: one connection is enough, then forty are. */
const FOOT = 5;
const TIP = 200;
/** In these a pool finds the size that the tips need. */
const FIRST_TEETH = 2;

/** A load of teeth, and for how long its moves are counted after the first of them. */
interface Sawtooth {
  readonly periodMs: number;
  readonly watchMs: number;
  /** By how much the times are multiplied in which a pool does something by itself. */
  readonly timesBy: number;
}

const MINUTE_MS = 60_000;

/** Teeth of half a minute and idle times of a minute, as teeth of five seconds: each sixth of a minute is one. */
const QUICK: readonly Sawtooth[] = [{ periodMs: 5_000, watchMs: 20_000, timesBy: 1 / 6 }];

/** As the catalogue has them. */
const FULL: readonly Sawtooth[] = [5_000, 30_000, 120_000].map((periodMs) => ({
  periodMs,
  watchMs: Math.max(MINUTE_MS, 2 * periodMs),
  timesBy: 1,
}));

export const sawtooth: Fault = {
  id: 'F46',
  name: 'sawtooth',
  happens:
    'the load rises from 5 to 200 callers a second of 0.2 s each and falls back at once, every 30 s, with a minute passing in 10 s (full: every 5, 30 and 120 s)',
  must: 'keep what the next tooth needs, rather than close and open connections with each',
  criteria: [
    atMost('churnPercent', 5, '', '% of the connections opened and closed a minute'),
    exactly('errors', 0, 'callers told an error'),
  ],
  limitMs: { quick: 60_000, full: 720_000 },
  async run(bench) {
    const runs: FaultMetrics[] = [];
    for (const one of bench.isFull ? FULL : QUICK) runs.push(await oneLoad(bench, one));
    const worst = (metric: string): number => Math.max(...runs.map((run) => run[metric] as number));
    return { churnPercent: worst('churnPercent'), errors: worst('errors') };
  },
};

/** On a new pool. */
async function oneLoad(
  bench: FaultCase,
  { periodMs, watchMs, timesBy }: Sawtooth,
): Promise<FaultMetrics> {
  const { proxy, url } = await bench.proxy(await bench.database());
  const pool = await bench.open({
    databaseUrl: url,
    max: MAX,
    acquireTimeoutMs: 10_000,
    idleTimesBy: timesBy,
    sizesItself: true,
  });
  const load = new Teeth(pool, periodMs);
  await sleep(FIRST_TEETH * periodMs);
  const from = performance.now();
  await sleep(watchMs);
  const { begun, closed } = bench.sockets.moves(proxy.port, from);
  const { connections } = proxy;
  const errors = await load.stop();
  await pool.end();
  const minutes = watchMs / timesBy / MINUTE_MS;
  return { churnPercent: ((begun + closed) / 2 / connections / minutes) * 100, errors };
}

/** Arrivals at a rate that rises through each period, whatever is answered. */
class Teeth {
  readonly #pool: TrackedPool;
  readonly #periodMs: number;
  readonly #from: number = performance.now();
  readonly #asked: Promise<void>[] = [];
  #due = 0;
  #errors = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(pool: TrackedPool, periodMs: number) {
    this.#pool = pool;
    this.#periodMs = periodMs;
    this.#timer = setInterval(() => this.#arrive(), 5);
  }

  async stop(): Promise<number> {
    clearInterval(this.#timer);
    await Promise.all(this.#asked);
    return this.#errors;
  }

  #arrive(): void {
    const atMs = performance.now() - this.#from;
    while (this.#due <= atMs) {
      const phase = (this.#due % this.#periodMs) / this.#periodMs;
      this.#due += 1_000 / (FOOT + (TIP - FOOT) * phase);
      this.#asked.push(
        this.#pool.query(WORK).then(
          () => undefined,
          () => void this.#errors++,
        ),
      );
    }
  }
}
