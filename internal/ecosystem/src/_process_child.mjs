// What a child process of processes_test.ts does, told by its environment.
import cluster from 'node:cluster';
import { readdirSync, readlinkSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { Pool } from '@fynlo/pool-core';

const { DATABASE_URL, TASK, NAME } = { ...process.env, ...workerData };
const tell = (message) => {
  if (parentPort) parentPort.postMessage(message);
  else if (process.send) process.send(message);
  else process.stdout.write(`${JSON.stringify(message)}\n`);
};

/** Sockets that this process has, where the system tells. */
function sockets() {
  try {
    return readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
      } catch {
        return false;
      }
    }).length;
  } catch {
    return 0;
  }
}

const before = sockets();
const pool = new Pool({ connectionString: DATABASE_URL, max: 2, application_name: NAME });

if (TASK === 'drain') {
  process.on('SIGTERM', async () => {
    const begun = performance.now();
    await pool.end({ graceMs: 1_000 });
    tell({ drainedMs: performance.now() - begun, total: pool.totalCount });
    process.exit(0);
  });
  const report = (name) => [
    () => tell({ [name]: 'done' }),
    (error) => tell({ [name]: error.code ?? error.message }),
  ];
  void pool.query('select pg_sleep(0.6)').then(...report('short'));
  void pool.query('select pg_sleep(60)').then(...report('long'));
  void pool.query('select 1').then(...report('queued'));
  while ((await count()) < 2) await new Promise((resolve) => setTimeout(resolve, 20));
  tell({ ready: true });
  setInterval(() => {}, 60_000);
} else {
  const clients = await Promise.all([pool.connect(), pool.connect()]);
  const rows = await Promise.all(
    clients.map((client) => client.query('select pg_backend_pid() as pid')),
  );
  for (const client of clients) client.release();
  tell({ pids: rows.map((result) => result.rows[0].pid), socketsBefore: before });
  await new Promise((resolve) => {
    (parentPort ?? process).once('message', resolve);
  });
  if (TASK === 'end') await pool.end();
  else process.kill(process.pid, 'SIGKILL');
  if (cluster.isWorker || process.send) process.disconnect();
}

/** Statements of this process that the server works on. */
async function count() {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: DATABASE_URL });
  await client.connect();
  const { rows } = await client.query(
    "select count(*)::int as n from pg_stat_activity where application_name = $1 and state = 'active'",
    [NAME],
  );
  await client.end();
  return rows[0].n;
}
