import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf } from './error_causes.ts';
import { atMost, exactly, type Fault } from './fault.ts';

export const openTransaction: Fault = {
  id: 'F63',
  name: 'open-transaction',
  happens: 'clients come back with a transaction open: one that worked, one that failed',
  must: 'roll it back: the next user finds a clean session, and nothing of the work is kept',
  criteria: [
    exactly('idleInTransaction', 0, 'sessions idle in transaction afterwards'),
    exactly('nextErrors', 0, 'errors of the next users'),
    exactly('kept', 0, 'rows of abandoned transactions that were kept'),
  ],
  async run(bench) {
    const url = await bench.database();
    await bench.administer(url, (client) => client.query('create table work (n int)'));
    const pool = await bench.open({ databaseUrl: url, max: 1, acquireTimeoutMs: 3_000 });
    await pool.using(async ({ query }) => {
      await query('begin');
      await query('insert into work values (1)');
    });
    await sleep(300);
    const idle = async (): Promise<number> =>
      bench.administer(url, async (client) => {
        const { rows } = await client.query(
          `select 1 from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'`,
        );
        return rows.length;
      });
    let idleInTransaction = await idle();
    // The next user's own commit must not commit what was left.
    const next = await answerOf(
      pool.using(async ({ query }) => {
        await query('begin');
        await query('insert into work values (2)');
        await query('commit');
      }),
    );
    await pool.using(async ({ query }) => {
      await query('begin');
      await answerOf(query('select 1 / 0'));
    });
    await sleep(300);
    idleInTransaction += await idle();
    const after = await answerOf(pool.query('select 1'));
    const kept = await bench.administer(url, async (client) => {
      const { rows } = await client.query('select 1 from work where n = 1');
      return rows.length;
    });
    return {
      idleInTransaction,
      nextErrors: [next, after].filter(({ error }) => error !== undefined).length,
      kept,
    };
  },
};

export const stillRunning: Fault = {
  id: 'F64',
  name: 'still-running',
  happens: 'a client comes back with a statement of 6 s still running',
  must: 'not let the next user wait for it',
  criteria: [atMost('nextMs', 2_000, 'ms', 'the next user is served after')],
  async run(bench) {
    const pool = await bench.open({
      databaseUrl: await bench.database(),
      max: 1,
      acquireTimeoutMs: 8_000,
    });
    const client = await pool.acquire();
    const abandoned = answerOf(client.query('select pg_sleep(6)'));
    await sleep(50);
    const from = performance.now();
    await client.release();
    await pool.query('select 1');
    const nextMs = performance.now() - from;
    await abandoned;
    return { nextMs };
  },
};

export const sessionState: Fault = {
  id: 'F65',
  name: 'session-state',
  happens:
    'a client comes back with a setting, a role, a LISTEN, a temporary table, an advisory lock, a held cursor and a prepared statement',
  must: 'undo them all for the next user, and keep the driver’s own prepared statements working',
  criteria: [
    exactly('left', 0, 'of 7 things found by the next user'),
    exactly('preparedErrors', 0, 'errors of the driver’s prepared statements'),
  ],
  async run(bench) {
    const url = await bench.database();
    const pool = await bench.open({ databaseUrl: url, max: 1, acquireTimeoutMs: 3_000 });
    const prepared = async (): Promise<number> => {
      if (bench.subject.name === 'knex') return 0;
      const { error } = await answerOf(pool.prepared('select $1::int + 1 as n', [1]));
      return error === undefined ? 0 : 1;
    };
    let preparedErrors = await prepared();
    await pool.using(async ({ query }) => {
      for (const text of LEAVE) await query(text);
    });
    const left = await pool.using(async ({ query }) => {
      const found: string[] = [];
      for (const [what, text] of LEFT) {
        if ((await query(text)).length > 0) found.push(what);
      }
      return found;
    });
    if (left.length > 0) bench.note(`left behind: ${left.join(', ')}`);
    preparedErrors += await prepared();
    return { left: left.length, preparedErrors };
  },
};

const LEAVE = [
  `set statement_timeout = '77s'`,
  'listen left_behind',
  'create temporary table left_behind (n int)',
  'select pg_advisory_lock(4711)',
  'begin',
  'declare left_behind cursor with hold for select 1',
  'commit',
  'prepare left_behind as select 1',
  'set role pg_read_all_data',
];

const LEFT: readonly (readonly [string, string])[] = [
  ['the setting', `select 1 where current_setting('statement_timeout') = '77s'`],
  ['the role', 'select 1 where current_user <> session_user'],
  ['the LISTEN', `select 1 from pg_listening_channels() c where c = 'left_behind'`],
  ['the temporary table', `select 1 where to_regclass('pg_temp.left_behind') is not null`],
  [
    'the advisory lock',
    `select 1 from pg_locks where locktype = 'advisory' and objid = 4711 and pid = pg_backend_pid()`,
  ],
  ['the cursor', `select 1 from pg_cursors where name = 'left_behind'`],
  ['the prepared statement', `select 1 from pg_prepared_statements where name = 'left_behind'`],
];
