import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf } from './error_causes.ts';
import { atLeast, atMost, type Fault } from './fault.ts';

const DEADLINE_MS = 1_000;
const OTHERS = 6;

export const slowConnects: Fault = {
  id: 'F04',
  name: 'slow-connects',
  happens: 'new connections take 1.8 s, callers wait 1 s for one',
  must: 'answer callers at their deadline, let idle connections work on, and keep the connects that end too late for their callers',
  criteria: [
    atMost('idleMs', 100, 'ms', 'slowest answer over a connection that is there'),
    atMost('connects', 2 * OTHERS, '', `connects begun for ${OTHERS} callers`),
    atLeast('kept', 1, '', 'connects kept for the next callers'),
    atMost('nextMs', 100, 'ms', 'next caller served after'),
  ],
  async run(bench) {
    // Without a password a connect is one exchange, for every library about the same time.
    const { url: database } = await bench.server({ auth: 'trust' });
    const { proxy, url } = await bench.proxy(database);
    const pool = await bench.open({
      databaseUrl: url,
      max: 10,
      acquireTimeoutMs: DEADLINE_MS,
      connectTimeoutMs: 8_000,
    });
    const [held, idle] = await Promise.all([pool.acquire(), pool.acquire()]);
    const pids = new Set([await pidOf(held.query), await pidOf(idle.query)]);
    proxy.set('delay', { delayMs: 900, existing: false });
    const from = performance.now();
    const others = Array.from({ length: OTHERS }, () => answerOf(pool.acquire()));
    let idleMs = 0;
    while (performance.now() - from < 2 * DEADLINE_MS) {
      const answer = await answerOf(held.query('select 1'));
      idleMs = Math.max(idleMs, answer.error === undefined ? answer.takenMs : Infinity);
      await sleep(10);
    }
    for (const { value: client } of await Promise.all(others)) await client?.release();
    const connects = bench.sockets.attempts(proxy.port, from);
    // Both connections from before stay lent: whoever is served now has one of the late connects.
    await sleep(2_500);
    const next = await answerOf(pool.acquire());
    const kept = (await bench.backends(url)).filter((pid) => !pids.has(pid)).length;
    for (const client of [next.value, held, idle]) await client?.release();
    return {
      idleMs,
      connects,
      kept,
      nextMs: next.error === undefined ? next.takenMs : Number.POSITIVE_INFINITY,
    };
  },
};

async function pidOf(
  query: (text: string) => Promise<readonly Readonly<Record<string, unknown>>[]>,
): Promise<number> {
  return Number((await query('select pg_backend_pid() pid'))[0]?.['pid']);
}
