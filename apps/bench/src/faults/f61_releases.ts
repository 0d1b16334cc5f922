import { setTimeout as sleep } from 'node:timers/promises';
import { exactly, type Fault, NotApplicableError } from './fault.ts';
import type { FaultClient } from './fault_subject.ts';
import type { TrackedPool } from './tracked_pool.ts';

export const doubleRelease: Fault = {
  id: 'F61',
  name: 'double-release',
  happens: 'a client is given back twice',
  must: 'say so, and never lend it to two',
  criteria: [
    exactly('told', 1, 'the second release is refused'),
    exactly('shared', 0, 'clients lent to two at once'),
  ],
  async run(bench) {
    const pool = await bench.open({
      databaseUrl: await bench.database(),
      max: 3,
      acquireTimeoutMs: 2_000,
    });
    const client = await pool.acquire();
    await client.release();
    let told = 0;
    try {
      await client.release();
    } catch {
      told = 1;
    }
    const lent = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()]);
    const pids = await Promise.all(lent.map(pidOf));
    for (const one of lent) await one.release();
    return { told, shared: pids.length - new Set(pids).size };
  },
};

export const badRelease: Fault = {
  id: 'F62',
  name: 'bad-release',
  happens:
    'a client is given back as broken, and, where that can be said at all, one of another pool',
  must: 'close the broken one, and refuse the foreign one',
  criteria: [
    exactly('closed', 1, 'the broken one is closed'),
    exactly('lentAgain', 0, 'the broken one is lent again'),
    { ...exactly('adopted', 0, 'the foreign one is lent'), optional: true },
  ],
  async run(bench) {
    const url = await bench.database();
    const options = { databaseUrl: url, max: 2, acquireTimeoutMs: 2_000 };
    const pool = await bench.open(options);
    const client = await pool.acquire();
    const broken = await pidOf(client);
    if (client.destroy === undefined) {
      await client.release();
      throw new NotApplicableError('a client cannot be given back as broken');
    }
    await client.destroy();
    const adopted = await adoptsForeign(pool, await bench.open(options));
    if (adopted === undefined)
      bench.note('a foreign client is not applicable: a client knows its pool');
    const lent = await Promise.all([pool.acquire(), pool.acquire()]);
    const pids = await Promise.all(lent.map(pidOf));
    for (const one of lent) await one.release();
    // Some close it at the next acquire; by now there were two.
    const open = (): number => bench.pools.reduce((sum, one) => sum + (one.size() ?? 0), 0);
    await bench.backendsBecome(url, open, 2_000);
    const closed = !(await bench.backends(url)).includes(broken);
    return {
      closed: Number(closed),
      lentAgain: Number(pids.includes(broken)),
      ...(adopted === undefined ? {} : { adopted: Number(adopted) }),
    };
  },
};

/** Undefined where a client knows its pool: it cannot be given to another one. */
async function adoptsForeign(pool: TrackedPool, other: TrackedPool): Promise<boolean | undefined> {
  const { takeBack } = pool;
  if (takeBack === undefined) return undefined;
  const foreign = await other.acquire();
  const pid = await pidOf(foreign);
  try {
    await takeBack(foreign);
  } catch {
    // Refused, as it should be.
  }
  await sleep(50);
  const lent = await Promise.all([pool.acquire(), pool.acquire()]);
  const adopted = (await Promise.all(lent.map(pidOf))).includes(pid);
  for (const one of lent) await one.release();
  await foreign.release();
  return adopted;
}

async function pidOf(client: FaultClient): Promise<number> {
  return Number((await client.query('select pg_backend_pid() pid'))[0]?.['pid']);
}
