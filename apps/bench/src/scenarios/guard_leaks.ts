import pg, { type Pool } from 'pg';
import type { WatchedPool } from '../subjects/lease_watchers.ts';

/** A way to lose a checkout. Nothing refers to it once the promise has settled. */
export interface LeakForm {
  readonly name: string;
  leak(pool: Pool): Promise<void>;
}

const LOCK_ROW = 'update bench_leak set v = v + 1 where id = 1';

/** The five ways in which programs lose a connection. */
export const LEAK_FORMS: readonly LeakForm[] = [
  {
    name: 'forgotten',
    async leak(pool) {
      const client = await pool.connect();
      await client.query('select 1');
    },
  },
  {
    name: 'thrown before release',
    async leak(pool) {
      try {
        const client = await pool.connect();
        await client.query('select 1 / 0');
        client.release();
      } catch {
        // As in code that answers with an error and forgets the release.
      }
    },
  },
  {
    name: 'in a transaction',
    async leak(pool) {
      const client = await pool.connect();
      await client.query('begin');
      // Only one can have the row; the others hold an open transaction.
      await client.query(
        `${LOCK_ROW} and id in (select id from bench_leak for update skip locked)`,
      );
    },
  },
  {
    name: 'with a statement in flight',
    async leak(pool) {
      const client = await pool.connect();
      client.query('select pg_sleep(0.8)').catch(() => undefined);
    },
  },
  {
    name: 'with a suspended cursor',
    async leak(pool) {
      const { default: Cursor } = await import('pg-cursor');
      const client = await pool.connect();
      await client.query(new Cursor('select i from generate_series(1, 100000) i')).read(10);
    },
  },
];

/** The row that a leaked transaction keeps locked. */
export async function makeLockedRow({
  databaseUrl,
}: {
  readonly databaseUrl: string;
}): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(`
    drop table if exists bench_leak;
    create table bench_leak (id int primary key, v int not null);
    insert into bench_leak values (1, 0);`);
  await client.end();
}

/** Leaks every connection of the pool, then asks for as many: those served are those that came back. */
export async function leakAll(
  { pool, leaksTold }: WatchedPool,
  { leak }: LeakForm,
  count: number,
  patienceMs: number,
): Promise<{ served: number; told: number }> {
  for (let i = 0; i < count; i++) await leak(pool);
  const clients: { release(error?: boolean): void }[] = [];
  let given = false;
  const asked = Array.from({ length: count }, () =>
    pool.connect().then((client) => {
      if (given) return client.release();
      clients.push(client);
    }),
  );
  // Those that are never answered stay open; the process of the round ends with them.
  for (const one of asked) one.catch(() => undefined);
  await Promise.race([
    Promise.all(asked),
    new Promise((resolve) => setTimeout(resolve, patienceMs)),
  ]);
  given = true;
  const served = clients.length;
  if (served === count) await mustBeUnlocked(pool, clients);
  for (const client of clients) client.release(true);
  return { served, told: leaksTold() };
}

/** A connection that is back must hold no lock of the one who lost it. */
async function mustBeUnlocked(
  pool: Pool,
  clients: { release(error?: boolean): void }[],
): Promise<void> {
  clients.pop()?.release();
  const client = await pool.connect();
  try {
    await client.query("set lock_timeout = '2s'");
    await client.query(LOCK_ROW);
  } finally {
    client.release(true);
  }
}
