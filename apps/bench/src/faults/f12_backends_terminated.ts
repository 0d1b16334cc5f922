import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf } from './error_causes.ts';
import { exactly, type Fault } from './fault.ts';
import type { FaultClient } from './fault_subject.ts';
import type { TrackedPool } from './tracked_pool.ts';

const OPEN = 6;
const IDLE_KILLED = 3;
const LENT_KILLED = 2;

export const backendsTerminated: Fault = {
  id: 'F12',
  name: 'backends-terminated',
  happens: 'an administrator terminates 3 of 6 idle connections, then 2 of 6 that are lent',
  must: 'let nobody notice the idle ones, and only the two holders the others',
  criteria: [
    exactly('idleErrors', 0, 'errors after losing idle connections'),
    exactly('lentErrors', LENT_KILLED, 'holders told an error'),
    exactly('laterErrors', 0, 'errors afterwards'),
  ],
  async run(bench) {
    const url = await bench.database();
    const pool = await bench.open({ databaseUrl: url, max: OPEN, acquireTimeoutMs: 5_000 });
    const idle = await lend(pool);
    for (const client of idle.clients) await client.release();
    await terminate(idle.pids.slice(0, IDLE_KILLED));
    const idleErrors = await failures(30);

    const lent = await lend(pool);
    await terminate(lent.pids.slice(0, LENT_KILLED));
    const answers = await Promise.all(
      lent.clients.map((client) => answerOf(client.query('select 1'))),
    );
    for (const client of lent.clients) await client.release();
    return {
      idleErrors,
      lentErrors: answers.filter(({ error }) => error !== undefined).length,
      laterErrors: await failures(30),
    };

    async function terminate(pids: readonly number[]): Promise<void> {
      await bench.administer(url, (client) =>
        client.query('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [pids]),
      );
      // The news is on its way: what a pool cannot know yet it cannot be blamed for.
      await sleep(300);
    }
    async function failures(count: number): Promise<number> {
      const asked = Array.from({ length: count }, () => answerOf(pool.query('select 1')));
      return (await Promise.all(asked)).filter(({ error }) => error !== undefined).length;
    }
  },
};

async function lend(pool: TrackedPool): Promise<{ clients: FaultClient[]; pids: number[] }> {
  const clients = await Promise.all(Array.from({ length: OPEN }, () => pool.acquire()));
  const pids = await Promise.all(
    clients.map(async (client) =>
      Number((await client.query('select pg_backend_pid() pid'))[0]?.['pid']),
    ),
  );
  return { clients, pids };
}
