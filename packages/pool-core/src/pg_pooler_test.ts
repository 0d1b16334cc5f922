/** Behind a real PgBouncer. */
import { createDatabase } from '@fynlo/services/database';
import { type PgBouncerOptions, startPgBouncer } from '@fynlo/services/pgbouncer';
import pg from 'pg';
import { describe, expect, inject, test } from 'vitest';
import { insideOf } from './_pg_client_inside.ts';
import { isMadeUp } from './_pg_pooler_policy.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

/** A pool behind a pooler, for as long as the test runs. */
async function behind(options: PoolOptions = {}, pooler: PgBouncerOptions = {}) {
  const bouncer = await startPgBouncer(inject('postgresUrl'), pooler);
  const pool = new Pool({ connectionString: bouncer.url, max: 4, ...options });
  return {
    bouncer,
    pool,
    async [Symbol.asyncDispose]() {
      await pool.end({ graceMs: 500 });
      await bouncer.stop();
    },
  };
}

/** Server connections that its databases have, by the pooler's own count. */
async function clientsOf(adminUrl: string): Promise<number> {
  await using admin = new Pool({ connectionString: adminUrl, silenceTimeoutMs: 0 });
  const { rows } = await admin.query('SHOW CLIENTS');
  return rows.filter((row) => row.database !== 'pgbouncer').length;
}

describe('detectPooler()', () => {
  test('finds nothing in front of the server itself, and leaves no connection open', async () => {
    await using pool = new Pool({ connectionString: inject('postgresUrl') });
    expect(pool.pooler).toMatchObject({ name: 'none', settled: false });
    expect(await pool.detectPooler()).toMatchObject({
      name: 'none',
      settled: true,
      pipelining: true,
      namedStatements: true,
      sessionState: true,
      backendPids: true,
    });
    expect(pool.totalCount).toBe(0);
  });

  test.each([
    ['transaction', false, false],
    ['session', true, true],
    ['statement', false, false],
  ] as const)(
    'recognises PgBouncer in %s mode',
    async (poolMode, sessionState, namedStatements) => {
      await using setting = await behind({}, { poolMode });
      const { pool, bouncer } = setting;
      const verdict = await pool.detectPooler();
      expect(verdict).toMatchObject({
        name: 'pgbouncer',
        mode: poolMode,
        settled: true,
        pipelining: false,
        sessionState,
        namedStatements,
        backendPids: false,
      });
      expect(pool.explain()).toContain(`PgBouncer stands in between in ${poolMode} mode`);
      expect(await pool.detectPooler()).toBe(verdict);
      await expect.poll(() => clientsOf(bouncer.adminUrl)).toBe(0);
    },
  );

  test('asks once for callers that come together', async () => {
    await using setting = await behind();
    const [one, other] = await Promise.all([
      setting.pool.detectPooler(),
      setting.pool.detectPooler(),
    ]);
    expect(one).toBe(other);
  });

  test('leaves no statement behind on the servers that strangers share', async () => {
    await using setting = await behind({ max: 1 }, { defaultPoolSize: 1 });
    await setting.pool.detectPooler();
    const { rows } = await setting.pool.query('select name from pg_prepared_statements');
    expect(rows).toEqual([]);
  });

  test('never rejects: without anybody to ask it is not settled, and asks again', async () => {
    await using setting = await behind();
    const { pool, bouncer } = setting;
    await bouncer.kill();
    expect(await pool.detectPooler()).toMatchObject({ settled: false, pipelining: false });
    await bouncer.restart();
    expect(await pool.detectPooler()).toMatchObject({ settled: true, name: 'pgbouncer' });
  });

  test('a pooler whose servers are all busy lets nobody look: nothing is allowed then, and it is tried again', async () => {
    await using setting = await behind({ max: 1 }, { defaultPoolSize: 1 });
    const { pool } = setting;
    const client = await pool.connect();
    await client.query('begin');
    const begun = performance.now();
    const [one, other] = [await pool.detectPooler(), await pool.detectPooler()];
    // Three seconds for the look, and room for a busy machine; the second call does not look.
    expect(performance.now() - begun).toBeLessThan(5_500);
    expect(one).toMatchObject({ settled: false, pipelining: false, sessionState: false });
    expect(other).toBe(one);
    await client.query('commit');
    client.release();
    await expect
      .poll(() => pool.detectPooler(), { timeout: 10_000, interval: 500 })
      .toMatchObject({ settled: true, name: 'pgbouncer', mode: 'transaction' });
  });

  test('asks nobody where the options say it', async () => {
    await using pool = new Pool({
      connectionString: 'postgres://nobody@127.0.0.1:1/none',
      pooler: { name: 'pgbouncer', mode: 'transaction', namedStatements: true },
    });
    expect(await pool.detectPooler()).toMatchObject({ pipelining: true, namedStatements: true });
  });

  test.each([
    ['sesion'],
    [{}],
    [{ mode: 'session', name: 'none' }],
    [{ mode: 'session', pipelining: 'yes' }],
    [{ mode: 'session', prepared: true }],
  ])('the option pooler refuses %j', (pooler) => {
    expect(() => new Pool({ pooler: pooler as never })).toThrow(/pooler/);
  });
});

test.each(['transaction', 'session'] as const)(
  'in %s mode all that a pool does works: queries, errors, transactions, cancel, end()',
  async (poolMode) => {
    await using database = await createDatabase(inject('postgresUrl'));
    const bouncer = await startPgBouncer(database.url, { poolMode, defaultPoolSize: 4 });
    const pool = new Pool({ connectionString: bouncer.url, max: 4 });
    try {
      await pool.query('create table t (id int primary key)');
      const answers = await Promise.all(
        Array.from({ length: 200 }, async (_, id) => {
          await pool.query('insert into t values ($1)', [id]);
          return (await pool.query('select id from t where id = $1', [id])).rows[0].id;
        }),
      );
      expect(answers).toEqual(Array.from({ length: 200 }, (_, id) => id));
      await expect(pool.query('insert into t values (1)')).rejects.toMatchObject({ code: '23505' });
      await expect(
        pool.transaction(async (client) => {
          await client.query('delete from t');
          throw new Error('changed my mind');
        }),
      ).rejects.toThrow('changed my mind');
      const count = await pool.transaction(async (client) => {
        await client.query('delete from t where id >= 100');
        return (await client.query('select count(*)::int as n from t')).rows[0].n;
      });
      expect(count).toBe(100);
      // A transaction that is left open holds a server: it is rolled back at release.
      await pool.withConnection((client) => client.query('begin; delete from t'));
      expect(pool.sessionCounts().rolledBack).toBe(1);
      expect((await pool.query('select count(*)::int as n from t')).rows[0].n).toBe(100);
      // The cancel request finds its statement through the pooler, and none of the next.
      for (let round = 0; round < 5; round++) {
        await expect(
          pool.query({ text: 'select pg_sleep(60)', signal: AbortSignal.timeout(50) }),
        ).rejects.toMatchObject({ code: 'ERR_POOL_QUERY_ABORTED', maybeExecuted: false });
        expect((await pool.query('select 1 as one')).rows[0].one).toBe(1);
      }
      expect(pool.stats()).toMatchObject({ waiting: 0, leased: 0 });
      expect(pool.stats().destroyed).toEqual({});
    } finally {
      await pool.end();
      await bouncer.stop();
    }
  },
);

test('a slow statement behind a pooler is left alone, and nobody is asked about it', async () => {
  const told: (number | null)[] = [];
  class Counted extends pg.Client {
    override connect(...args: never[]): never {
      this.once('end', () => told.push(insideOf(this).processID ?? null));
      return super.connect(...(args as [])) as never;
    }
  }
  await using setting = await behind({ silenceTimeoutMs: 100, Client: Counted as never });
  const { pool } = setting;
  // Several looks long.
  expect((await pool.query('select pg_sleep(1), 1 as one')).rows[0].one).toBe(1);
  expect(pool.stats().destroyed).toEqual({});
  const { processID } = insideOf(pool._clients[0] as pg.Client);
  // Once in 500 times PgBouncer's random number looks like a process id: then one has to ask.
  if (isMadeUp(processID ?? 0)) expect(told).toEqual([]);
  else expect(pool.pooler.settled).toBe(true);
});

describe('session state', () => {
  test('in session mode it is undone at release as on the server itself', async () => {
    await using setting = await behind({ max: 1 }, { poolMode: 'session' });
    const { pool } = setting;
    await pool.withConnection((client) => client.query("set statement_timeout = '7s'"));
    expect((await pool.query('show statement_timeout')).rows[0].statement_timeout).toBe('0');
    expect(pool.sessionCounts()).toMatchObject({ reset: 1, shared: 0 });
  });

  test("in transaction mode nothing is undone on a server that may be a stranger's by now, and it is counted", async () => {
    // One server for all: what is undone there would show.
    await using setting = await behind({ max: 1 }, { defaultPoolSize: 1 });
    const { pool, bouncer } = setting;
    await pool.detectPooler();
    await using stranger = new Pool({ connectionString: bouncer.url, max: 1, reset: 'never' });
    await stranger.query("set work_mem = '77kB'");
    await pool.withConnection((client) => client.query("set statement_timeout = '7s'"));
    expect(pool.sessionCounts()).toMatchObject({ reset: 0, shared: 1 });
    expect((await stranger.query('show work_mem')).rows[0].work_mem).toBe('77kB');
    expect(pool.stats().destroyed).toEqual({});
  });

  test('in transaction mode a setting that the server reports follows its client, and is undone', async () => {
    await using setting = await behind({ max: 1 });
    const { pool } = setting;
    const read = async () => (await pool.query('show application_name')).rows[0].application_name;
    const before = await read();
    await pool.withConnection((client) => client.query("set application_name = 'left behind'"));
    expect(await read()).toBe(before);
    expect(pool.sessionCounts()).toMatchObject({ reset: 1, shared: 0 });
  });

  test('in transaction mode DISCARD ALL costs the client, whose statements are gone', async () => {
    await using setting = await behind({ max: 1 });
    const { pool } = setting;
    await pool.query({ name: 'one', text: 'select 1 as one' });
    await pool.withConnection((client) => client.query('discard all'));
    expect((await pool.query({ name: 'one', text: 'select 1 as one' })).rows).toEqual([{ one: 1 }]);
    expect(pool.stats().destroyed).toEqual({ 'reset-failed': 1 });
  });
});

describe('what the verdict promises of PgBouncer in transaction mode', () => {
  /** Statements on clients that share fewer servers than they are, all sent at once; how each ended. */
  async function pipelined(
    url: string,
    statements: (i: number) => pg.QueryConfig,
  ): Promise<string[]> {
    const clients = Array.from(
      { length: 4 },
      () => new pg.Client({ connectionString: url, pipeline: true } as pg.ClientConfig),
    );
    await Promise.all(clients.map((client) => client.connect()));
    try {
      return await Promise.all(
        clients.flatMap((client) =>
          Array.from({ length: 200 }, (_, i) =>
            client.query(statements(i)).then(
              ({ rows }) => (rows[0]?.n === i ? 'its own' : `not its own: ${rows[0]?.n} for ${i}`),
              ({ code }) => String(code),
            ),
          ),
        ),
      );
    } finally {
      await Promise.all(clients.map((client) => client.end()));
    }
  }

  test('F78 pipelined statements are each answered with their own rows or error, on fewer servers than clients', async () => {
    await using setting = await behind({}, { defaultPoolSize: 2 });
    const ends = await pipelined(setting.bouncer.url, (i) =>
      i % 7 === 3
        ? { text: 'select 1 / $1::int', values: [0] }
        : { text: 'select $1::int as n', values: [i] },
    );
    expect([...new Set(ends.filter((_, i) => (i % 200) % 7 === 3))]).toEqual(['22012']);
    expect([...new Set(ends.filter((_, i) => (i % 200) % 7 !== 3))]).toEqual(['its own']);
  });

  test.each(['transaction', 'session'] as const)(
    'F78 in %s mode, once a pipelining client is lost, the next one is given what was due to it, unless that is why nothing is pipelined',
    async (poolMode) => {
      await using setting = await behind({}, { poolMode, defaultPoolSize: 1 });
      const { pool, bouncer } = setting;
      const { pipelining } = await pool.detectPooler();
      const misleads = /^1\.(?:[0-9]|1[0-9]|20)\./.test(bouncer.version);
      let misled = 0;
      // It depends on what comes first at the pooler: one in several rounds, fewer on a busy machine.
      for (let round = 0; round < (misleads ? 60 : 10) && misled === 0; round++) {
        const lost = new pg.Client({ connectionString: bouncer.url, pipeline: true } as never);
        lost.on('error', () => {});
        await lost.connect();
        const first = lost.query('select $1::int as n', [-1]);
        for (let i = 0; i < 5; i++) {
          lost.query('select pg_sleep($1), -2 as n', [0.01]).catch(() => {});
        }
        await first;
        insideOf(lost).connection?.stream?.destroy?.();
        const next = new pg.Client({ connectionString: bouncer.url });
        next.on('error', () => {});
        try {
          await next.connect();
          const { rows } = await next.query('select $1::int as n', [round]);
          if (rows[0]?.n !== round) misled++;
        } catch {
          // The pooler has closed both.
        } finally {
          await next.end().catch(() => {});
        }
      }
      if (misled > 0) expect(pipelining).toBe(false);
      expect(misled).toBe(misleads ? 1 : 0);
    },
    60_000,
  );

  const named = (i: number): pg.QueryConfig => ({
    name: `n${i % 5}`,
    text: `select $1::int as n, ${i % 5}`,
    values: [i],
  });

  test('F78 without max_prepared_statements it keeps no names, as the verdict says', async () => {
    await using setting = await behind({}, { defaultPoolSize: 2, maxPreparedStatements: 0 });
    const { pool, bouncer } = setting;
    expect(await pool.detectPooler()).toMatchObject({ name: 'pgbouncer', namedStatements: false });
    expect(new Set(await pipelined(bouncer.url, named))).toContain('42P05');
  });

  test('F78 with max_prepared_statements it keeps them, as the verdict says', async ({ skip }) => {
    const starting = behind({}, { defaultPoolSize: 2, maxPreparedStatements: 100 });
    const older = await starting.then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (older?.includes('1.21 is the first that does')) skip(older);
    await using setting = await starting;
    const { pool, bouncer } = setting;
    expect(await pool.detectPooler()).toMatchObject({
      name: 'pgbouncer',
      namedStatements: true,
      pipelining: true,
    });
    expect([...new Set(await pipelined(bouncer.url, named))]).toEqual(['its own']);
  });
});
