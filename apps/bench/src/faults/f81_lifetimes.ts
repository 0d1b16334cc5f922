import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf } from './error_causes.ts';
import { atLeast, atMost, exactly, type Fault } from './fault.ts';
import { mostWithin } from './most_within.ts';

const CALLERS = 8;
const SLICE_MS = 1_000;
/** At least so many slices before the lifetime's end are looked at, and so many after it. */
const SLICES = 10;
const LIFETIME_MS = 60_000;
/** A lifetime may be shortened by a tenth, so that they do not all end at once. */
const DYING_MS = 0.85 * LIFETIME_MS;
const QUIET_MS = DYING_MS - SLICES * SLICE_MS;

export const sameAge: Fault = {
  id: 'F81',
  name: 'same-age',
  happens:
    'two hundred (full: five hundred) connections of the same age come to the end of their lifetime, 60 s',
  must: 'replace them a few at a time, and let nobody feel it: it is the wave that is bounded, not the age of the oldest one',
  criteria: [
    exactly('errors', 0, 'callers told an error'),
    atLeast('retired', 3, '', 'connections replaced until 10 s after the first one’s lifetime'),
    atMost('worstSecond', 0.05, '', 'of all connections, so many closed in the worst second'),
    atMost('slowdown', 1.1, '', 'p99 of callers then, as a multiple of that before'),
  ],
  limitMs: { quick: 100_000, full: 120_000 },
  async run(bench) {
    const size = bench.isFull ? 500 : 200;
    const { url } = await bench.server({ auth: 'trust', maxConnections: size + 40 });
    const pool = await bench.open({
      databaseUrl: url,
      max: size,
      acquireTimeoutMs: 10_000,
      maxLifetimeMs: LIFETIME_MS,
      idleTimesBy: 1_000,
      warm: true,
    });
    const begun = performance.now();
    const clients = await Promise.all(Array.from({ length: size }, () => pool.acquire()));
    for (const client of clients) await client.release();
    const openMs = performance.now() - begun;
    if (openMs > QUIET_MS) throw new Error(`opening them took ${openMs} ms`);
    await sleep(begun + QUIET_MS - performance.now());
    const quiet: number[][] = [];
    const dying: number[][] = [];
    let errors = 0;
    let stop = false;
    const call = async (): Promise<void> => {
      while (!stop) {
        const at = performance.now();
        const { takenMs, error } = await answerOf(pool.query('select pg_sleep(0.005)'));
        if (error !== undefined) errors++;
        const sinceBegun = at - begun;
        const slices = sinceBegun < DYING_MS ? quiet : dying;
        const index = Math.floor(sinceBegun / SLICE_MS);
        slices[index] = [...(slices[index] ?? []), takenMs];
        await sleep(10);
      }
    };
    const calls = Array.from({ length: CALLERS }, call);
    await sleep(begun + DYING_MS - performance.now());
    const before = new Set(await bench.backends(url));
    const ends: number[] = [];
    const endAt = begun + LIFETIME_MS + openMs + SLICES * SLICE_MS;
    while (performance.now() < endAt) {
      await sleep(SLICE_MS / 10);
      const now = new Set(await bench.backends(url));
      for (const pid of before) {
        if (now.has(pid)) continue;
        before.delete(pid);
        ends.push(performance.now());
      }
    }
    stop = true;
    await Promise.all(calls);
    const usual = p99s(quiet);
    // What the machine does by itself in a bad second is not the pool's: the worst but one of those before.
    const base = Math.max(median(usual), (usual.at(-2) ?? 0) / 1.1);
    return {
      errors,
      retired: ends.length,
      worstSecond: mostWithin(SLICE_MS, ends) / size,
      slowdown: median(p99s(dying)) / base,
    };
  },
};

function p99s(slices: readonly (readonly number[])[]): number[] {
  return slices
    .filter((slice) => slice.length > 50)
    .map((slice) => ascending(slice)[Math.floor(0.99 * slice.length)] ?? 0)
    .sort((a, b) => a - b);
}

function ascending(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}

function median(sorted: readonly number[]): number {
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
