import type pg from 'pg';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { until } from './_pg_conformance.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

let pools: Pool[] = [];
function onePool(options: PoolOptions = {}): Pool {
  const pool = new Pool({ connectionString: inject('postgresUrl'), max: 1, ...options });
  pools.push(pool);
  return pool;
}
afterEach(async () => {
  const made = pools;
  pools = [];
  await Promise.all(made.map((pool) => pool[Symbol.asyncDispose]()));
});

async function value(pool: Pool, text: string): Promise<unknown> {
  const { rows } = await pool.query({ text, rowMode: 'array' });
  return rows[0]?.[0];
}
const pid = (pool: Pool): Promise<unknown> => value(pool, 'select pg_backend_pid()');

/** Runs `texts` on a checked-out client and gives it back. */
async function use(pool: Pool, ...texts: string[]): Promise<void> {
  const client = await pool.connect();
  for (const text of texts) await client.query(text).catch(() => undefined);
  client.release();
}

describe('F63 a transaction that is not over at release', () => {
  test.each([
    ['open', ['begin', 'create table pg_temp.f63 (a int)']],
    ['failed', ['begin', 'select 1/0']],
  ])('%s: is rolled back, counted, and the session is kept', async (_, texts) => {
    const pool = onePool();
    const before = await pid(pool);
    await use(pool, ...texts);
    expect(await value(pool, "select to_regclass('pg_temp.f63')::text")).toBeNull();
    expect(await pid(pool)).toBe(before);
    expect(pool.sessionCounts().rolledBack).toBe(1);
  });

  test('one whose rollback takes too long costs the session', async () => {
    const pool = onePool({ resetTimeoutMs: 150 });
    const before = await pid(pool);
    const client = await pool.connect();
    client.on('error', () => {});
    await client.query('begin');
    // The server is slow to answer: the socket is not read for longer than the limit.
    client.connection.stream.pause();
    client.release();
    expect(await pid(pool)).not.toBe(before);
    expect(pool.stats().destroyed['reset-failed']).toBe(1);
  });
});

describe('F64 a statement that still runs at release', () => {
  test('is let finish when it is quick', async () => {
    const pool = onePool();
    const before = await pid(pool);
    const client = await pool.connect();
    const running = client.query('select pg_sleep(0.05)');
    client.release();
    expect((await running).rowCount).toBe(1);
    expect(await pid(pool)).toBe(before);
    expect(pool.sessionCounts().drained).toBe(1);
  });

  test('costs the session when it is not', async () => {
    const pool = onePool({ resetTimeoutMs: 100 });
    const before = await pid(pool);
    const client = await pool.connect();
    const running = client.query('select pg_sleep(20)').catch((error: Error) => error);
    client.release();
    expect(await pid(pool)).not.toBe(before);
    expect(await running).toBeInstanceOf(Error);
    expect(pool.stats().destroyed['released-busy']).toBe(1);
    // Its socket alone would leave the server sleep on: 20 s with a backend that nobody wants.
    await until('the server has stopped it', async () => {
      const { rows } = await pool.query('select 1 from pg_stat_activity where pid = $1', [before]);
      return rows.length === 0;
    });
  });
});

describe('F65 state left in a session', () => {
  const cases: [what: string, leave: string[], look: string, clean: unknown][] = [
    ['a setting', ["set statement_timeout = '7s'"], 'show statement_timeout', '0'],
    [
      'a setting made by set_config',
      ["select set_config('app.tenant', '42', false)"],
      "select coalesce(current_setting('app.tenant', true), '')",
      '',
    ],
    [
      'the time zone',
      ["set time zone 'Asia/Tokyo'"],
      "select setting <> 'Asia/Tokyo' from pg_settings where name = 'TimeZone'",
      true,
    ],
    [
      'a setting changed inside a function',
      ["do $$ begin perform set_config('application_name', 'inside', false); end $$"],
      'show application_name',
      '',
    ],
    [
      // Of one that is not reported: a reset for another one's sake would take it along.
      'a setting changed through the view of them',
      [`UPDATE pg_catalog . "pg_settings" SET setting = '77777' WHERE name = 'work_mem'`],
      "select current_setting('work_mem') <> '77777kB'",
      true,
    ],
    [
      "pg_trgm's limit",
      [
        // Of two at once one would fail.
        'select pg_advisory_xact_lock(65067); create extension if not exists pg_trgm',
        'select set_limit(0.9)',
      ],
      'select show_limit()::text',
      '0.3',
    ],
    [
      'a role set by set_config',
      ["select set_config('role', 'pg_monitor', false)"],
      'select current_user = session_user',
      true,
    ],
    [
      'a role set inside a block',
      ["do $$ begin execute 'set role pg_monitor'; end $$"],
      'select current_user = session_user',
      true,
    ],
    ['a role', ['set role pg_monitor'], 'select current_user = session_user', true],
    [
      'a session authorization',
      ['set session authorization pg_monitor'],
      "select session_user <> 'pg_monitor'",
      true,
    ],
    ['LISTEN', ['listen f65'], 'select count(*)::int from pg_listening_channels()', 0],
    [
      'a temporary table',
      ['create temp table f65 (a int)'],
      "select to_regclass('pg_temp.f65')::text",
      null,
    ],
    [
      'an advisory lock',
      ['select pg_advisory_lock(65065)'],
      "select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()",
      0,
    ],
    [
      'a held cursor',
      ['begin', 'declare f65 cursor with hold for select 1', 'commit'],
      'select count(*)::int from pg_cursors where is_holdable',
      0,
    ],
    [
      'a prepared statement of SQL',
      ['prepare f65 as select 1'],
      'select count(*)::int from pg_prepared_statements where from_sql',
      0,
    ],
    [
      'all of it',
      ['set role pg_monitor', 'listen a', "set work_mem = '1MB'", 'prepare p2 as select 2'],
      'select current_user = session_user and not exists (select from pg_listening_channels())',
      true,
    ],
  ];
  test.each(cases)(
    '%s is gone for the next user, in the same session',
    async (_, leave, look, clean) => {
      const pool = onePool();
      const before = await pid(pool);
      await use(pool, ...leave);
      expect(await value(pool, look)).toEqual(clean);
      expect(await pid(pool)).toBe(before);
      expect(pool.sessionCounts().reset).toBe(1);
    },
  );

  test('pool.query that leaves something is followed by a reset as well', async () => {
    const pool = onePool();
    await pool.query("set statement_timeout = '7s'");
    expect(await value(pool, 'show statement_timeout')).toBe('0');
  });

  test('named statements of pg still work after a reset', async () => {
    const pool = onePool();
    const named = { name: 'f65-named', text: 'select $1::int as n', values: [1] };
    await pool.query(named);
    await use(pool, 'set role pg_monitor', 'prepare q as select 1');
    expect((await pool.query(named)).rows).toEqual([{ n: 1 }]);
  });

  test('DISCARD ALL costs the session: pg would go on using statements that are gone', async () => {
    const pool = onePool();
    const named = { name: 'f65-discarded', text: 'select $1::int as n', values: [1] };
    await pool.query(named);
    await use(pool, 'discard all');
    expect((await pool.query(named)).rows).toEqual([{ n: 1 }]);
  });

  test('what ends with the transaction costs nothing', async () => {
    const pool = onePool();
    await use(
      pool,
      'begin',
      "set local statement_timeout = '7s'",
      "set local time zone 'Asia/Tokyo'",
      "select set_config('app.tenant', '42', true)",
      'select pg_advisory_xact_lock(65066)',
      'commit',
    );
    expect(pool.sessionCounts()).toEqual({ rolledBack: 0, reset: 0, drained: 0, shared: 0 });
  });

  test('a clean release takes no round trip: the client is idle in the same tick', async () => {
    const pool = onePool();
    const client = await pool.connect();
    await client.query('select 1');
    client.release();
    expect(pool.idleCount).toBe(1);
  });

  test("reset: 'never' leaves everything but transactions, as pg-pool does", async () => {
    const pool = onePool({ reset: 'never' });
    await use(pool, "set statement_timeout = '7s'");
    expect(await value(pool, 'show statement_timeout')).toBe('7s');
    await use(pool, 'begin');
    expect(await value(pool, 'show statement_timeout')).toBe('7s');
    expect(pool.sessionCounts()).toEqual({ rolledBack: 1, reset: 0, drained: 0, shared: 0 });
  });

  test("reset: 'always' undoes what a function hid", async () => {
    const pool = onePool({ reset: 'always' });
    await use(
      pool,
      "create function pg_temp.hide() returns void language sql as $$ select set_config('work_mem', '1MB', false) $$",
      'select pg_temp.hide()',
    );
    expect(await value(pool, "select current_setting('work_mem') <> '1MB'")).toBe(true);
  });
});

describe('what the application sets up for every session', () => {
  const setUps: [string, PoolOptions, (pool: Pool) => void][] = [
    [
      'onConnect',
      { onConnect: async (client) => void (await client.query('set search_path = pg_catalog')) },
      () => {},
    ],
    [
      "the 'connect' event",
      {},
      (pool) =>
        void pool.on('connect', (client) => void client.query('set search_path = pg_catalog')),
    ],
  ];
  for (const [name, options, prepare] of setUps) {
    test(`by ${name} is still there after others were reset`, async () => {
      const pool = onePool(options);
      prepare(pool);
      const before = await pid(pool);
      expect(await value(pool, 'show search_path')).toBe('pg_catalog');
      expect(pool.sessionCounts().reset).toBe(0);
      await use(pool, "set statement_timeout = '7s'");
      expect(await value(pool, 'show statement_timeout')).toBe('0');
      expect(await value(pool, 'show search_path')).toBe('pg_catalog');
      expect(await pid(pool)).toBe(before);
    });

    test(`by ${name}, when overwritten, comes back with a new session`, async () => {
      const pool = onePool(options);
      prepare(pool);
      await use(pool, 'set search_path = public');
      expect(await value(pool, 'show search_path')).toBe('pg_catalog');
    });
  }
});

test('a held LISTEN client goes on listening', async () => {
  const pool = onePool({ max: 2 });
  const listener = await pool.connect();
  await listener.query('listen f65_held');
  const heard: string[] = [];
  listener.on('notification', (message: pg.Notification) => void heard.push(message.payload ?? ''));
  await pool.query("notify f65_held, 'one'");
  await pool.query("select pg_notify('f65_held', 'two')");
  await until('heard', () => heard.length === 2);
  expect(heard).toEqual(['one', 'two']);
  listener.removeAllListeners('notification');
  listener.release();
});
