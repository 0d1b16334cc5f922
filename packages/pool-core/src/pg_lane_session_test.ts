import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { LOAD, STATE } from './_lane_session_fixture.ts';
import { examine } from './_pg_lane_eligibility_policy.ts';
import { ONE_LANE } from './_pg_lanes_fixture.ts';
import { Pool } from './pool.ts';

/** FYNLO_SEED repeats a run. */
const seed = Number(process.env['FYNLO_SEED'] ?? Date.now() % 1_000_000);
const numRuns = Number(process.env['FYNLO_LANE_TEXTS'] ?? 2_000);

let client: pg.Client;
let before: unknown;
beforeAll(async () => {
  client = new pg.Client({ connectionString: inject('postgresUrl'), statement_timeout: 500 });
  await client.connect();
  client.on('notice', () => {});
  await client.query('create table if not exists lane_t (a int, b text); truncate lane_t');
  // Of two at once one would fail.
  await client.query('select pg_advisory_xact_lock(65067); create extension if not exists pg_trgm');
  await client.query(LOAD);
  before = await state();
});
afterAll(async () => {
  await client.query('drop table if exists lane_t');
  await client.end();
});

async function state(): Promise<unknown> {
  const { rows } = await client.query(STATE);
  const status = (client as unknown as { getTransactionStatus(): string }).getTransactionStatus();
  return { ...rows[0], status };
}

/** What would be seen of it afterwards, were it executed. */
const CHANGES = [
  "set_config('fynlo.probe', 'x', false)",
  "SET_CONFIG ('fynlo.probe', 'x', false)",
  `"set_config"('fynlo.probe', 'x', false)`,
  "pg_catalog.set_config('application_name', 'x', false)",
  `pg_catalog . "set_config" /* c */ ('application_name', 'x', false)`,
  "U&\"set\\005fconfig\"('fynlo.probe', 'x', false)",
  'pg_advisory_lock(77)',
  'pg_try_advisory_lock(78)',
  `"pg_advisory_lock_shared"(79)`,
  "query_to_xml('select set_config(''fynlo.probe'', ''x'', false)', true, true, '')",
  'set_limit(0.9::real)',
  `"set_limit" (0.8)`,
  "ts_stat('select set_config(''fynlo.probe'', ''x'', false)::tsvector')",
];
const COMMANDS = [
  'set role pg_monitor',
  "set application_name = 'x'",
  'listen a',
  'begin',
  'create temp table lane_temp (a int)',
  'prepare lane_p as select 1',
  'declare lane_c cursor with hold for select 1',
  "do $x$ begin perform set_config('fynlo.probe', 'x', false); end $x$",
];
const HARMLESS = [
  '1',
  "'a'",
  "'it''s'",
  "E'a\\'b'",
  "E'\\\\'",
  '$$q$$',
  '$a$ $$ $a$',
  'now()',
  'a',
  '"a"',
  'lane_t.b',
  "'--'",
  "'/*'",
  '/* c */ 2',
  "''",
  'null',
  "U&'\\0061'",
  "B'101'",
  "'\\'",
  "E'\\''",
  'count(*)',
  '$tag$;$tag$',
  '"--"',
  '"a""b"',
  "'a' 'b'",
  "'x'\n'y'",
  "E'a'\n'\\''",
];
const BITS = [
  ...CHANGES,
  ...COMMANDS,
  ...HARMLESS,
  'select ',
  'select ',
  ';',
  ';',
  "'",
  '"',
  '\\',
  '$$',
  '$a$',
  '/*',
  '*/',
  '--',
  '\n',
  '\r',
  ' ',
  ',',
  '(',
  ')',
  'E',
  'U&',
  ' from lane_t ',
  ' into temp lane_x ',
  ' insert into temp lane_x ',
  ' into ',
  'with x as (',
  'insert into lane_t values (1)',
  ' union all ',
  'values ',
  '\f',
  '\u00a0',
  '$1',
];

const expression = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...HARMLESS) },
  { weight: 1, arbitrary: fc.constantFrom(...CHANGES) },
);
const list = fc.array(expression, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(', '));
const gap = fc.constantFrom(' ', '\n', ' /* ; begin */ ', ' -- ; begin\n', '\t', ' /* /* */ */ ');
const end = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('', ';', ' ; -- end', ' /* ; */', '\n;;') },
  { weight: 1, arbitrary: fc.constantFrom(...COMMANDS).map((command) => `; ${command}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ' into temp lane_x',
      ' insert into temp lane_x',
      ' merge into temp lane_x',
      ' for update',
      ' limit 1',
    ),
  },
);
const shaped = fc
  .tuple(
    fc.constantFrom(
      'select',
      'SELECT',
      'values (1) union select',
      'with w as (select 1) select',
      'insert into lane_t (b) select',
      'update lane_t set b =',
      "update pg_settings set setting = 'x' where name = 'application_name' returning",
      `UPDATE pg_catalog . "pg_settings" SET setting = '77777' WHERE name = 'work_mem' RETURNING`,
      "with w as (update pg_settings set setting = 'x' where name = 'fynlo.probe' or name = 'application_name' returning 1) select",
      'with w as (delete from lane_t returning a) select',
    ),
    gap,
    list,
    fc.constantFrom('', ' from lane_t', ' from lane_t where a = 1'),
    end,
  )
  .map((parts) => parts.join(''));
const soup = fc
  .array(fc.constantFrom(...BITS), { maxLength: 12 })
  .map((bits) => `select ${bits.join('')}`);

test(`whatever may share leaves its session as it was (seed ${seed})`, async () => {
  let shared = 0;
  let succeeded = 0;
  await fc.assert(
    fc.asyncProperty(fc.oneof(shaped, soup), async (text) => {
      if (!examine(text).shareable) return;
      shared++;
      await client.query(text).then(
        () => succeeded++,
        () => {},
      );
      expect(await state()).toEqual(before);
    }),
    { seed, numRuns },
  );
  // The generator is worth something only if much of what it makes is let through, and runs.
  expect(shared).toBeGreaterThan(numRuns / 10);
  expect(succeeded).toBeGreaterThan(numRuns / 50);
}, 120_000);

test(`so it does on the lane of a pool, whose next caller sees it as it was (seed ${seed})`, async () => {
  await using pool = new Pool({
    connectionString: inject('postgresUrl'),
    statement_timeout: 500,
    max: 2,
    pipelining: { ...ONE_LANE, lingerMs: 60_000 },
  });
  await pool.detectPooler();
  const look = async (): Promise<unknown> => (await pool.query(STATE)).rows[0];
  await pool.query(LOAD);
  const asNew = await look();
  const sharedBefore = pool.stats().lanes?.shared ?? 0;
  const exclusiveBefore = pool.stats().lanes?.exclusive;
  let given = 0;
  await fc.assert(
    fc.asyncProperty(fc.oneof(shaped, soup), async (text) => {
      if (!examine(text).shareable) return;
      given++;
      await pool.query(text).catch(() => {});
      expect(await look()).toEqual(asNew);
    }),
    { seed, numRuns: Math.ceil(numRuns / 4) },
  );
  // Each and every look at the state was at the lane that had been used.
  expect(given).toBeGreaterThan(numRuns / 40);
  expect(pool.stats().lanes?.shared).toBeGreaterThanOrEqual(sharedBefore + 2 * given);
  expect(pool.stats().lanes?.exclusive).toBe(exclusiveBefore);
}, 120_000);

test('an update of the settings through their view is seen by nobody after it', async () => {
  await using pool = new Pool({
    connectionString: inject('postgresUrl'),
    max: 2,
    pipelining: { ...ONE_LANE, lingerMs: 60_000 },
  });
  await pool.detectPooler();
  await pool.query(LOAD);
  const wanted = (await pool.query(STATE)).rows;
  for (const change of [
    "update pg_settings set setting = '77777' where name = 'work_mem'",
    'select set_limit(0.9::real)',
    "select set_config('work_mem', '77777', false)",
  ]) {
    await pool.query(change);
    expect((await pool.query(STATE)).rows, change).toEqual(wanted);
    const client = await pool.connect();
    await client.query(LOAD);
    expect((await client.query(STATE)).rows, change).toEqual(wanted);
    client.release();
  }
});

test('the state that is compared does see each of the changes', async () => {
  for (const change of CHANGES.slice(0, 12)) {
    await client.query('begin');
    await client.query(`select ${change}`);
    expect(await state(), change).not.toEqual(before);
    await client.query('rollback');
    await client.query('select pg_advisory_unlock_all()');
  }
});
