/** What lanes and names do behind a real PgBouncer, and where the verdict forbids them. */
import { startFaultProxy } from '@fynlo/services/fault-proxy';
import { type PgBouncerOptions, type PoolMode, startPgBouncer } from '@fynlo/services/pgbouncer';
import { expect, inject, test } from 'vitest';
import type { LaneStats } from './_lane_stats.ts';
import { NOTHING_IS_SLOW, ONE_LANE } from './_pg_lanes_fixture.ts';
import type { PoolOptions } from './pg_options.ts';
import type { PoolerClaim } from './pg_pooler.ts';
import { Pool } from './pool.ts';

/** Nothing is slow: on a busy machine every statement would be taken for a slow one, and none shared. */

/**
 * What is pipelined through PgBouncer before 1.21 is safe as long as no client is lost, as in these tests: said by the options, as nobody
 * finds it so.
 */
function claim(mode: PoolMode): PoolerClaim {
  return { name: 'pgbouncer', mode, pipelining: true };
}

/** A pool behind a pooler, for as long as the test runs. */
async function behind(options: PoolOptions, pooler: PgBouncerOptions = {}) {
  const bouncer = await startPgBouncer(inject('postgresUrl'), pooler);
  const pool = new Pool({
    connectionString: bouncer.url,
    max: 4,
    pipelining: NOTHING_IS_SLOW,
    pooler: claim(bouncer.poolMode),
    ...options,
  });
  return {
    bouncer,
    pool,
    lanes: () => pool.stats().lanes as LaneStats,
    async [Symbol.asyncDispose]() {
      await pool.end({ graceMs: 500 });
      await bouncer.stop();
    },
  };
}

/** Statements that are all under way at once: how each ended, by kind. */
async function burst(pool: Pool, count: number): Promise<Record<string, number>> {
  const ends: Record<string, number> = {};
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const statement =
        i % 10 === 7
          ? pool.query('select 1 / $1::int as n', [0])
          : pool.query('select $1::int as n', [i]);
      const end = await statement.then(
        ({ rows }) => (rows[0].n === i ? 'its own row' : 'a row that is not its own'),
        ({ code }) => String(code),
      );
      ends[end] = (ends[end] ?? 0) + 1;
    }),
  );
  return ends;
}

test.each(['transaction', 'session'] as const)(
  'F78 behind PgBouncer in %s mode statements share lanes where the options say that they may, and each gets its own answer',
  async (poolMode) => {
    await using setting = await behind({}, { poolMode, defaultPoolSize: 8 });
    const { pool, lanes } = setting;
    expect(await burst(pool, 200)).toEqual({ 'its own row': 180, '22012': 20 });
    expect(await pool.detectPooler()).toMatchObject({
      name: 'pgbouncer',
      mode: poolMode,
      pipelining: true,
    });
    const before = lanes().shared;
    for (let round = 0; round < 5; round++) {
      expect(await burst(pool, 200)).toEqual({ 'its own row': 180, '22012': 20 });
    }
    expect(lanes().shared - before).toBe(1_000);
    expect(lanes().refused).toBeUndefined();
  },
);

test.each(['transaction', 'session'] as const)(
  'F78 behind PgBouncer in %s mode nothing is executed twice when the pooler loses its server',
  async (poolMode) => {
    const { hostname, port } = new URL(inject('postgresUrl'));
    await using proxy = await startFaultProxy({ host: hostname, port: Number(port) });
    await using bouncer = await startPgBouncer(proxy.url(inject('postgresUrl')), { poolMode });
    await using aside = new Pool({ connectionString: inject('postgresUrl'), max: 1 });
    const table = `twice_${poolMode}`;
    await aside.query(`drop table if exists ${table}; create table ${table} (n int)`);
    await using pool = new Pool({
      connectionString: bouncer.url,
      max: 2,
      pipelining: ONE_LANE,
      pooler: claim(poolMode),
    });
    await pool.detectPooler();
    await burst(pool, 20);
    expect(pool.stats().lanes?.lanes).toBe(1);

    proxy.set('blackhole-to-client', { fresh: false });
    const statements = Array.from({ length: 8 }, (_, n) =>
      pool.query(`insert into ${table} values ($1)`, [n]).then(
        () => 'done',
        ({ maybeExecuted }) => (maybeExecuted === true ? 'maybe' : 'not done'),
      ),
    );
    const executed = async (): Promise<number[]> =>
      (await aside.query(`select n from ${table} order by n`)).rows.map(({ n }) => n);
    await expect.poll(async () => (await executed()).length).toBe(8);
    proxy.cutAll('reset');
    proxy.set('pass');
    // Executed, every one of them, and the answers lost.
    expect(await Promise.all(statements)).toEqual(Array(8).fill('maybe'));
    expect(await executed()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(await burst(pool, 20)).toEqual({ 'its own row': 18, '22012': 2 });
    await aside.query(`drop table ${table}`);
  },
);

test('F78 fewer servers than lanes only make statements wait', async () => {
  await using setting = await behind({}, { defaultPoolSize: 1 });
  const { pool } = setting;
  for (let round = 0; round < 5; round++) {
    expect(await burst(pool, 200)).toEqual({ 'its own row': 180, '22012': 20 });
  }
});

test('F78 transactions and lanes use the same few servers, and neither sees the other', async () => {
  await using setting = await behind({}, { defaultPoolSize: 2 });
  const { pool } = setting;
  await Promise.all([
    ...Array.from({ length: 20 }, () =>
      pool.transaction(async (client) => {
        await client.query("set local application_name = 'within'");
        const { rows } = await client.query('show application_name');
        expect(rows[0].application_name).toBe('within');
      }),
    ),
    ...Array.from({ length: 200 }, async () => {
      const { rows } = await pool.query("select current_setting('application_name') as name");
      expect(rows[0].name).not.toBe('within');
    }),
  ]);
});

test('F78 behind a PgBouncer that may be older than 1.21 nothing is shared, and explain() says why', async () => {
  await using setting = await behind({ pooler: undefined });
  const { pool, lanes } = setting;
  for (let round = 0; round < 3; round++) {
    expect(await burst(pool, 100)).toEqual({ 'its own row': 90, '22012': 10 });
  }
  await expect.poll(() => lanes().refused).toContain('PgBouncer before 1.21');
  await burst(pool, 100);
  expect(lanes()).toMatchObject({ shared: 0, lanes: 0 });
  expect(pool.explain()).toContain('PgBouncer before 1.21');
});

test('F78 behind a pooler that wedges nothing is shared, and explain() says why', async () => {
  await using setting = await behind({ pooler: { name: 'supavisor', mode: 'transaction' } });
  const { pool, lanes } = setting;
  for (let round = 0; round < 3; round++) {
    expect(await burst(pool, 100)).toEqual({ 'its own row': 90, '22012': 10 });
  }
  expect(lanes()).toMatchObject({ shared: 0, lanes: 0 });
  expect(lanes().refused).toContain('porsager/postgres#970');
  expect(pool.explain()).toContain('porsager/postgres#970');
});

test("F78 prepare: 'auto' names nothing where PgBouncer keeps no names: nothing fails", async () => {
  await using setting = await behind({ prepare: 'auto' }, { defaultPoolSize: 2 });
  const { pool } = setting;
  for (let round = 0; round < 20; round++) {
    expect(await burst(pool, 100)).toEqual({ 'its own row': 90, '22012': 10 });
  }
  expect(pool.pooler).toMatchObject({ name: 'pgbouncer', namedStatements: false });
  const { rows } = await pool.query('select count(*)::int as n from pg_prepared_statements');
  expect(rows[0].n).toBe(0);
});

test("F78 prepare: 'auto' names statements where PgBouncer keeps them", async ({ skip }) => {
  const pooler = { defaultPoolSize: 2, maxPreparedStatements: 100 };
  const starting = behind({ prepare: 'auto', pooler: undefined }, pooler);
  const older = await starting.then(
    () => undefined,
    (error: Error) => error.message,
  );
  if (older?.includes('1.21 is the first that does')) skip(older);
  await using setting = await starting;
  const { pool } = setting;
  for (let round = 0; round < 20; round++) {
    expect(await burst(pool, 100)).toEqual({ 'its own row': 90, '22012': 10 });
  }
  expect(pool.pooler).toMatchObject({ name: 'pgbouncer', namedStatements: true });
  expect(pool.stats().lanes?.shared).toBeGreaterThan(0);
  const { rows } = await pool.query(
    "select count(*)::int as n from pg_prepared_statements where statement = 'select $1::int as n'",
  );
  expect(rows[0].n).toBeGreaterThan(0);
});
