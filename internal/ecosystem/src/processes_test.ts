import { type ChildProcess, fork, spawn } from 'node:child_process';
import cluster from 'node:cluster';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Pool } from '@fynlo/pool-core';
import { createDatabase } from '@fynlo/services/database';
import { expect, inject, test } from 'vitest';

const CHILD = fileURLToPath(new URL('./_process_child.mjs', import.meta.url));

interface Told {
  readonly pids: readonly number[];
  readonly socketsBefore: number;
}

async function pidsOf(pool: Pool): Promise<number[]> {
  const clients = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
  const pids = await Promise.all(
    clients.map(
      async (client) => (await client.query('select pg_backend_pid() as pid')).rows[0].pid,
    ),
  );
  for (const client of clients) client.release();
  return pids.sort();
}

/** A pool with three open connections, and the environment of a child that opens its own to the same database. */
async function parent(name: string) {
  const database = await createDatabase(inject('postgresUrl'));
  const pool = new Pool({ connectionString: database.url, max: 3 });
  return {
    pool,
    pids: await pidsOf(pool),
    env: { DATABASE_URL: database.url, NAME: name },
    async [Symbol.asyncDispose]() {
      await pool[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

test('F07 a forked process, also one that is killed, has connections of its own and none of its parent’s', async () => {
  await using here = await parent('fynlo-fork');
  const env = { ...process.env, ...here.env, TASK: 'killed' };
  const child = fork(CHILD, { env, execArgv: [] });
  const [told] = (await once(child, 'message')) as [Told];
  expect(told.pids).toHaveLength(2);
  expect(here.pids).not.toEqual(expect.arrayContaining([told.pids[0]]));
  expect(here.pids).not.toEqual(expect.arrayContaining([told.pids[1]]));
  // Its channel to us, where it is a socket, and nothing to the server.
  expect(told.socketsBefore).toBeLessThanOrEqual(1 + inheritedSockets(child));
  child.send('now');
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  expect(await pidsOf(here.pool)).toEqual(here.pids);
});

test('F07 the workers of a cluster have a pool each', async () => {
  await using here = await parent('fynlo-cluster');
  cluster.setupPrimary({ exec: CHILD, execArgv: [] });
  const workers = [1, 2].map(() => cluster.fork({ ...here.env, TASK: 'end' }));
  const told = await Promise.all(
    workers.map(async (worker) => ((await once(worker, 'message')) as [Told])[0]),
  );
  const all = [...here.pids, ...told.flatMap(({ pids }) => pids)];
  expect(new Set(all).size).toBe(7);
  for (const worker of workers) worker.send('now');
  await Promise.all(workers.map((worker) => once(worker, 'exit')));
  expect(await pidsOf(here.pool)).toEqual(here.pids);
});

test('F07 a worker thread has a pool of its own; to hand one over is refused, and does it no harm', async () => {
  await using here = await parent('fynlo-thread');
  const worker = new Worker(CHILD, { workerData: { ...here.env, TASK: 'end' }, execArgv: [] });
  const [told] = (await once(worker, 'message')) as [Told];
  expect(new Set([...here.pids, ...told.pids]).size).toBe(5);
  expect(() => worker.postMessage(here.pool)).toThrow(
    expect.objectContaining({ name: 'DataCloneError' }),
  );
  const client = await here.pool.connect();
  expect(() => worker.postMessage(client)).toThrow(
    expect.objectContaining({ name: 'DataCloneError' }),
  );
  client.release();
  await worker.terminate();
  expect(await pidsOf(here.pool)).toEqual(here.pids);
});

test('F07 SIGTERM: what is short is finished, what is not is closed at the grace, and the server is left alone', async () => {
  await using here = await parent('fynlo-drain');
  const child = spawn(process.execPath, [CHILD], {
    env: { ...process.env, ...here.env, TASK: 'drain' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const told: Record<string, unknown> = {};
  for await (const line of createInterface({ input: child.stdout })) {
    Object.assign(told, JSON.parse(line));
    if ('ready' in told && !('signalled' in told)) {
      told['signalled'] = true;
      child.kill('SIGTERM');
    }
  }
  const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];
  expect(code).toBe(0);
  expect(told).toMatchObject({ short: 'done', queued: 'ERR_POOL_CLOSED', total: 0 });
  expect(told['long']).not.toBe('done');
  // The grace, and room for a busy machine; the long statement would have taken a minute.
  expect(told['drainedMs']).toBeGreaterThan(400);
  expect(told['drainedMs']).toBeLessThan(10_000);
  const gone =
    "select count(*)::int as n from pg_stat_activity where application_name = 'fynlo-drain'";
  await expect
    .poll(async () => (await here.pool.query(gone)).rows[0].n, { timeout: 10_000 })
    .toBe(0);
});

/** What a child of Node's has before it does anything: its standard streams may be sockets. */
function inheritedSockets(child: ChildProcess): number {
  return child.stdio.filter((stream) => stream !== null).length + 3;
}
