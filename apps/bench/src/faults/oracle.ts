import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultCase } from './fault_case.ts';
import type { TrackedPool } from './tracked_pool.ts';
import { within } from './within.ts';

/** How long the server may take to have as many backends as the pool has connections, ms. */
const SETTLE_MS = 2_000;
/** How long an end may take once nothing is lent, ms. */
const END_MS = 5_000;
/** How much later than its deadline an acquire may be answered, ms, beside the time in which the process stood still. */
export const LATE_MS = 50;

/**
 * What holds after every case, whatever happened in it: each call is settled and acquires in time, the server has as
 * many backends as the pool has connections, the pool ends, and nothing of it is left.
 *
 * @returns what does not hold, in words
 */
export async function consult(bench: FaultCase): Promise<string[]> {
  // The network heals: what the server never heard of it cannot have closed.
  for (const proxy of bench.proxies) proxy.set('pass');
  const found: string[] = [];
  await atRest(bench, found);
  for (const pool of bench.pools) {
    await ending(pool, found);
    if (bench.subject.keepsDeadlines && pool.latestMs > LATE_MS * bench.timeFactor) {
      found.push(`an acquire was answered ${Math.round(pool.latestMs)} ms after its deadline`);
    }
  }
  await nothingLeft(bench, found);
  for (const { errors } of bench.pools) {
    const [most] = [...errors].sort(([, a], [, b]) => b - a);
    if (most !== undefined) bench.note(`told ${most[1]} times: ${shortened(most[0])}`);
  }
  return [...new Set(found)];
}

/** As many backends as connections, and every promise about states and counts kept. */
async function atRest(bench: FaultCase, found: string[]): Promise<void> {
  const open = bench.pools.filter(({ ended }) => ended === undefined);
  const deadline = performance.now() + SETTLE_MS * bench.timeFactor;
  for (const pool of open) {
    while (pool.violations().length > 0 && performance.now() < deadline) await sleep(25);
    found.push(...pool.violations());
  }
  const [first] = open;
  // A case has one database: its pools are counted together.
  if (first?.size() === undefined) return;
  const size = (): number => open.reduce((sum, pool) => sum + (pool.size() ?? 0), 0);
  const count = await bench.backendsBecome(
    first.options.databaseUrl,
    size,
    SETTLE_MS * bench.timeFactor,
  );
  if (count !== size()) {
    found.push(`the server has ${count} backends, the pool ${size()} connections`);
  }
}

async function ending(pool: TrackedPool, found: string[]): Promise<void> {
  const end = pool.ended ?? pool.end();
  const how = await within(
    END_MS,
    end.then(
      () => 'ended' as const,
      (error: Error) => `end() failed: ${error.message}`,
    ),
    'end() does not end',
  );
  if (how !== 'ended') found.push(how);
  for (let waited = 0; pool.unsettled > 0 && waited < 1_000; waited += 25) await sleep(25);
  if (pool.unsettled > 0) found.push(`${pool.unsettled} calls are never answered`);
}

async function nothingLeft(bench: FaultCase, found: string[]): Promise<void> {
  const [first] = bench.pools;
  if (first === undefined) return;
  const left = await bench.backendsBecome(
    first.options.databaseUrl,
    () => 0,
    SETTLE_MS * bench.timeFactor,
  );
  if (left > 0) found.push(`${left} backends are left after end()`);
}

function shortened(text: string): string {
  return text.length <= 160 ? text : `${text.slice(0, 159)}…`;
}
