import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { ConcurrencyLimiter } from './concurrency_limiter.ts';

/** Some milliseconds of server CPU, nothing to wait for. */
const QUERY = 'select sum(i * i % 7) from generate_series(1, 12000) as i';
const CALLERS = 40;
const MAX = 24;

let pool: pg.Pool;
beforeAll(() => {
  pool = new pg.Pool({ connectionString: inject('postgresUrl'), max: MAX });
});
afterAll(async () => {
  await pool.end();
});

/** Closed loop for a while; what it got, and how many connections were busy at a time in its second half. */
async function load(run: (query: () => Promise<unknown>) => Promise<unknown>, ms: number) {
  const endsAt = performance.now() + ms;
  const countFrom = performance.now() + ms / 2;
  let done = 0;
  let busy = 0;
  const caller = async () => {
    while (performance.now() < endsAt) {
      await run(() => pool.query({ name: 'sum', text: QUERY }));
      if (performance.now() < countFrom) continue;
      done++;
      busy += pool.totalCount - pool.idleCount;
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return { rate: done / (ms / 2), busy: busy / done };
}

test('before a pool on real PostgreSQL it keeps most connections unused at about the same rate', async () => {
  const limiter = new ConcurrencyLimiter({ maxLimit: MAX, name: 'sums' });
  const rounds = [];
  for (let round = 0; round < 3; round++) {
    const without = await load((query) => query(), 2500);
    const limited = await load((query) => limiter.run(query), 2500);
    rounds.push({ without, limited });
  }
  const ratio = Math.max(...rounds.map(({ without, limited }) => limited.rate / without.rate));
  // The machine is shared with other tests: the best of three rounds, and wide margins.
  expect(Math.max(...rounds.map(({ without }) => without.busy))).toBeGreaterThan(MAX * 0.9);
  expect(Math.min(...rounds.map(({ limited }) => limited.busy))).toBeLessThan(MAX * 0.9);
  expect(ratio).toBeGreaterThan(0.6);
  expect(limiter.stats()).toMatchObject({ inFlight: 0, waiting: 0, failed: 0 });
}, 60_000);
