import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Callers } from './callers.ts';
import { atLeast, atMost, type Fault } from './fault.ts';

const MAX = 100;
const CALLERS = 100;
/** So many statements of 20 ms run at once without being in each other's way. */
const KNEE = 24;
const WORK = 'select work_beside_others()';
const SIZES = [8, 12, 16, 20, 24, 28, 32, 48, 64, 100];
const LOOK_MS = 700;
const SETTLE_MS = 15_000;
const WATCH_MS = 4_000;

export const bestSize: Fault = {
  id: 'F47',
  name: 'best-size',
  happens:
    '100 callers, a pool of at most 100 connections, and a server that does less the more than 24 statements run at once',
  must: 'settle within 30 % of the best fixed size, which a sweep has found',
  criteria: [
    atLeast('sizeOverBest', 0.7, '', 'connections over the best number of them, 15 s later'),
    atMost('sizeOverBest', 1.3, '', 'connections over the best number of them, 15 s later'),
  ],
  limitMs: { quick: 60_000, full: 60_000 },
  async run(bench) {
    const { url } = await bench.server({ maxConnections: 150 });
    await bench.administer(url, (client) => client.query(MAKE_WORK));
    const rates = new Map<number, number>();
    for (const size of SIZES) rates.set(size, await rateAt(url, size));
    const [best, most] = [...rates].reduce((a, b) => (b[1] > a[1] ? b : a));
    const pool = await bench.open({ databaseUrl: url, max: MAX, acquireTimeoutMs: 10_000 });
    const callers = new Callers(pool, { callers: CALLERS, text: WORK });
    await sleep(SETTLE_MS);
    const { served } = callers;
    const sizes: number[] = [];
    for (let looked = 0; looked < WATCH_MS; looked += 100) {
      sizes.push(pool.size() ?? (await bench.backends(url)).length);
      await sleep(100);
    }
    const rate = ((callers.served - served) / WATCH_MS) * 1_000;
    await callers.stop();
    const size = sizes.sort((a, b) => a - b)[sizes.length >> 1] as number;
    bench.note(`size ${size}, best ${best}; ${Math.round(rate)}/s of ${Math.round(most)}/s`);
    return { sizeOverBest: size / best };
  },
};

/** In proportion up to the knee; beyond it, they get in each other's way: throughput falls with the root of their number. */
const MAKE_WORK = `
create function work_beside_others() returns void language plpgsql as $$
declare at_once int;
begin
  perform pg_advisory_xact_lock_shared(1);
  select count(*) into at_once from pg_locks where locktype = 'advisory';
  perform pg_sleep(0.02 * greatest(1, at_once / ${KNEE}.0) ^ 1.5);
end $$`;

/** What so many connections do a second, without a pool. */
async function rateAt(connectionString: string, size: number): Promise<number> {
  const clients = Array.from({ length: size }, () => new pg.Client({ connectionString }));
  await Promise.all(clients.map((client) => client.connect()));
  let done = 0;
  const end = performance.now() + LOOK_MS;
  await Promise.all(
    clients.map(async (client) => {
      while (performance.now() < end) {
        await client.query(WORK);
        done++;
      }
    }),
  );
  await Promise.all(clients.map((client) => client.end()));
  return (done / LOOK_MS) * 1_000;
}
