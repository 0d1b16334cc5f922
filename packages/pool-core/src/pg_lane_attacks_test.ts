/** Statements that mean to change the session of a lane, or look as if they did, and what the server makes of them. */
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { LOAD, STATE } from './_lane_session_fixture.ts';
import { examine } from './_pg_lane_eligibility_policy.ts';
import { ONE_LANE } from './_pg_lanes_fixture.ts';
import { Pool } from './pool.ts';

const T = `lane_attacked_${process.pid}`;
const SET = "set_config('fynlo.probe', 'x', false)";

/** They need no label: what changes a session, the server shows. */
const ATTACKS: readonly string[] = [
  // Settings.
  'set work_mem = 77777',
  'SET SESSION work_mem TO 77777',
  '/* c */ set work_mem = 77777',
  '-- c\nset work_mem = 77777',
  'set time zone 0',
  'set names latin1',
  'set role pg_monitor',
  'set session authorization default',
  'set session characteristics as transaction read only',
  'set xml option document',
  'set schema pg_catalog',
  'set local work_mem = 77777',
  'set search_path = pg_catalog',
  'reset work_mem',
  'reset all',
  'show work_mem',
  `select ${SET}`,
  `SELECT SET_CONFIG('fynlo.probe', 'x', false)`,
  `select Set_Config\n('fynlo.probe', 'x', false)`,
  `select pg_catalog.${SET}`,
  `select pg_catalog . set_config ('fynlo.probe', 'x', false)`,
  `select "set_config"('fynlo.probe', 'x', false)`,
  `select "pg_catalog"."set_config" /* ( */ ('fynlo.probe', 'x', false)`,
  `select set_config -- (\n('fynlo.probe', 'x', false)`,
  `select set_config/**/('fynlo.probe', 'x', false)`,
  `select set_config(setting_name => 'fynlo.probe', new_value => 'x', is_local => false)`,
  `select set_config(variadic_.a, 'x', false) from (select 'fynlo.probe' as a) variadic_`,
  "select U&\"set\\005fconfig\"('fynlo.probe', 'x', false)",
  `select u&"set!005fconfig" uescape '!' ('fynlo.probe', 'x', false)`,
  "select U&\"set\\+00005fconfig\"('fynlo.probe', 'x', false)",
  `(select ${SET})`,
  `((select ${SET}))`,
  `(select 1) union all (select ${SET}::int)`,
  `values (${SET})`,
  `values (1), (length(${SET}))`,
  `table ${T} union select length(${SET}), ''`,
  `with a as (select ${SET}) select * from a`,
  `with a as materialized (select ${SET}) select * from a`,
  `with recursive a(n) as (select 1 union all select n + length(${SET}) from a where n < 2) select * from a`,
  `select * from ${SET}`,
  `select * from lateral ${SET} a`,
  `select * from rows from (${SET}, now()) a`,
  `select 1 from ${T} where ${SET} is null`,
  `select case when true then ${SET} end`,
  `select coalesce(null, ${SET})`,
  `select count(*) filter (where ${SET} = 'x') from ${T}`,
  `select array[${SET}]`,
  `select (${SET})::text`,
  `select 1 order by ${SET}`,
  `select 1 limit length(${SET})`,
  `select 1 group by ${SET}`,
  `select 1 having ${SET} = 'x'`,
  `insert into ${T} values (1, ${SET})`,
  `insert into ${T} (b) select ${SET}`,
  `insert into ${T} values (1) returning ${SET}`,
  `update ${T} set b = ${SET}`,
  `delete from ${T} where b <> ${SET}`,
  `merge into ${T} using (select ${SET} as x) s on true when matched then do nothing`,
  `explain analyze select ${SET}`,
  `explain (analyze) select ${SET}`,
  "update pg_settings set setting = '77777' where name = 'work_mem'",
  "update only pg_settings set setting = '77777' where name = 'work_mem'",
  `update "pg_settings" set setting = '77777' where name = 'work_mem'`,
  `update pg_catalog."pg_settings" as s set setting = '77777' where name = 'work_mem'`,
  "update/**/pg_catalog/**/./**/pg_settings set setting = '77777' where name = 'work_mem'",
  `update U&"pg\\005fsettings" set setting = '77777' where name = 'work_mem'`,
  "with a as (update pg_settings set setting = '77777' where name = 'work_mem' returning 1) select * from a",
  `update pg_settings set setting = (select '77777' from ${T}) where name = 'work_mem'`,
  'select set_limit(0.9)',
  'select set_limit(0.9::real)',
  'select "set_limit"(0.9::real)',
  `do $$ begin perform ${SET}; end $$`,
  `do language plpgsql 'begin perform set_config(''fynlo.probe'', ''x'', false); end'`,
  `call ${T}_p()`,
  // A text that is run.
  `select query_to_xml('select set_config(''fynlo.probe'', ''x'', false)', true, true, '')`,
  `select query_to_xml($$select set_config('fynlo.probe', 'x', false)$$, true, true, '')`,
  `select "query_to_xml"($a$select set_config('fynlo.probe', 'x', false)$a$, true, true, '')`,
  `select query_to_xml_and_xmlschema($$select set_config('fynlo.probe', 'x', false)$$, true, true, '')`,
  `select query_to_xmlschema($$select set_config('fynlo.probe', 'x', false)$$, true, true, '')`,
  `select ts_stat($$select set_config('fynlo.probe', 'x', false)::tsvector$$)`,
  `select ts_rewrite('a'::tsquery, $$select set_config('fynlo.probe', 'x', false)::tsquery, 'b'::tsquery$$)`,
  `select query_to_xml(E'select set_config(\\'fynlo.probe\\', \\'x\\', false)', true, true, '')`,
  // Locks.
  'select pg_advisory_lock(1)',
  'select PG_ADVISORY_LOCK(1)',
  'select pg_catalog.pg_advisory_lock(1, 2)',
  'select pg_advisory_lock_shared(1)',
  'select "pg_advisory_lock"(1)',
  'select pg_try_advisory_lock(1)',
  'select pg_try_advisory_lock_shared(1, 2)',
  'select "pg_catalog" . "pg_try_advisory_lock" (1)',
  `select count(pg_advisory_lock(a)) from ${T}`,
  'select U&"pg\\005fadvisory\\005flock"(1)',
  'select * from pg_advisory_lock(1)',
  'select 1 where pg_try_advisory_lock(1)',
  'select pg_advisory_unlock(1)',
  'select pg_advisory_unlock_all()',
  'select pg_advisory_xact_lock(1)',
  'select pg_try_advisory_xact_lock_shared(1)',
  `lock table ${T}`,
  // Temporary things.
  'create temp table lane_temp (a int)',
  'create temporary table lane_temp as select 1',
  'create local temp table lane_temp as select 1',
  'create temp view lane_temp as select 1',
  'create temp sequence lane_temp',
  'create table pg_temp.lane_temp (a int)',
  'select 1 as a into temp lane_temp',
  'select 1 as a into temporary table lane_temp',
  'select 1 as a into local temp lane_temp',
  'select 1 as a into pg_temp.lane_temp',
  'select 1 as a, 2 as insert into temp lane_temp',
  'select 1 insert into temp lane_temp',
  'select 1 as merge into temp lane_temp',
  'select (1) insert into temp lane_temp',
  'select (1) insert into local temporary table lane_temp',
  'select (1) insert into pg_temp.lane_temp',
  'select (1) insert into/**/temp lane_temp',
  'select (1) insert\ninto\ntemporary lane_temp',
  'select (1) as insert into temp table lane_temp',
  'select (1) as insert into "pg_temp".lane_temp',
  `select * from (select 1) insert into temp lane_temp`,
  'with a as (select 1 as b) select b as insert into temp lane_temp from a',
  'with a as (select 1 as b) select (b) insert into temp lane_temp from a',
  'with insert as (select 1 as b) select * into temp lane_temp from insert',
  'insert into pg_temp.lane_temp values (1)',
  `select * from pg_temp.${T}`,
  'create schema lane_attack_schema',
  'explain analyze create temp table lane_temp as select 1',
  // Statements, cursors, channels, and whatever else stays.
  'prepare lane_p as select 1',
  'prepare lane_p(int) as select $1',
  'execute lane_p',
  'deallocate all',
  'deallocate lane_p',
  'declare lane_c cursor with hold for select 1',
  'declare lane_c binary no scroll cursor with hold for select 1',
  'fetch all from lane_c',
  'move lane_c',
  'close all',
  'listen lane_channel',
  'LISTEN "lane channel"',
  'unlisten *',
  'unlisten lane_channel',
  'notify lane_channel',
  "select pg_notify('lane_channel', 'x')",
  'begin',
  'start transaction',
  'begin work isolation level serializable',
  'end',
  'commit',
  'rollback',
  'abort',
  'savepoint a',
  'release a',
  "prepare transaction 'a'",
  'discard all',
  'discard temp',
  'discard plans',
  'discard sequences',
  "load 'plpgsql'",
  `comment on table ${T} is 'x'`,
  `security label on table ${T} is null`,
  'select setseed(0.5)',
  `select nextval('${T}_s')`,
  `select currval('${T}_s')`,
  `select pg_catalog.lastval()`,
  'select pg_export_snapshot()',
  'select txid_current()',
  'select pg_current_xact_id()',
  'select pg_stat_clear_snapshot()',
  "select pg_replication_origin_session_setup('a')",
  "select pg_create_logical_replication_slot('lane_a', 'pgoutput', true)",
  'select lo_get(0)',
  'select lo_open(1, 262144)',
  'select loread(0, 1)',
  "select dblink_connect('dbname=postgres')",
  'select hypopg_reset()',
  `select dbms_output.enable()`,
  // Copies.
  `copy ${T} to stdout`,
  `COPY (select ${SET}) TO STDOUT`,
  `(copy ${T} to stdout)`,
  // Several at once.
  `select 1; select ${SET}`,
  `select 1;select ${SET};`,
  `;select ${SET}`,
  `select ';'; select ${SET}`,
  `select ';--'; select ${SET}`,
  `select $$;$$; select ${SET}`,
  `select $a$;$$;$a$; select ${SET}`,
  `select E';\\';'; select ${SET}`,
  `select e'\\\\'; select ${SET}`,
  `select e'a' '\\'; select ${SET} --'`,
  `select '\\'; select ${SET} --'`,
  `select N'a'; select ${SET}`,
  `select B'1'; select ${SET}`,
  `select X'1f'; select ${SET}`,
  `select U&'a'; select ${SET}`,
  `select U&'\\0027'; select ${SET}`,
  `select ";" from (select 1 as ";") a; select ${SET}`,
  `select """;" from (select 1 as """;") a; select ${SET}`,
  `select 1 /* ; */; select ${SET}`,
  `select 1 /* /* */ ; */; select ${SET}`,
  `select 1 /* /* */ */; select ${SET} /* */`,
  `select 1 -- ;\n; select ${SET}`,
  `select 1 -- ;\r; select ${SET}`,
  `select 1 --\\\n; select ${SET}`,
  `select 1 +--\n1; select ${SET}`,
  `select 1 */**/1; select ${SET}`,
  `select a$$ from (select 1 as a$$) b; select ${SET} --$$`,
  `select 1$$, ${SET}, $$`,
  `select $1$$; select ${SET} --$$`,
  `select 1e1$$;$$; select ${SET}`,
  `select 'a'\n'b'; select ${SET}`,
  `select $é$;$é$; select ${SET}`,
  `select $_1$;$_1$; select ${SET}`,
  `select $A$;$a$;$A$; select ${SET}`,
  `select '$$'; select ${SET} --$$`,
  `select "$$" from (select 1 as "$$") a; select ${SET} --$$`,
  `select 1 as e'; select ${SET} --'`,
  'select 1; begin',
  'select 1; listen lane_channel',
  'select 1; set work_mem = 77777;',
  `insert into ${T} values (1); prepare lane_p as select 1`,
  'select 1\\;',
  `select ${SET}\u0000`,
];

let client: pg.Client;
let before: unknown;

async function look(on: Pick<pg.Client, 'query'> = client): Promise<unknown> {
  await on.query(LOAD);
  return (await on.query(STATE)).rows[0];
}

async function anew(): Promise<void> {
  await client?.end();
  client = new pg.Client({ connectionString: inject('postgresUrl'), statement_timeout: 2_000 });
  client.on('notice', () => {});
  client.on('error', () => {});
  await client.connect();
}

beforeAll(async () => {
  await anew();
  await client.query(
    `create table ${T} (a int, b text); insert into ${T} values (1, 'x'); create sequence ${T}_s;
     create procedure ${T}_p() language plpgsql as $$ begin perform ${SET}; end $$`,
  );
  await client.query('select pg_advisory_xact_lock(65067); create extension if not exists pg_trgm');
  // Of a session that has loaded nothing.
  await anew();
  before = await look();
});
afterAll(async () => {
  await anew();
  await client.query(
    `drop table ${T}; drop sequence ${T}_s; drop procedure ${T}_p(); drop schema if exists lane_attack_schema`,
  );
  await client.end();
});
beforeEach(anew);

const given = [...new Set(ATTACKS)];

test(`of ${given.length} statements, none that changes its session may share`, async () => {
  const changing: { text: string; state: unknown }[] = [];
  for (const text of given) {
    await client.query(text).catch(() => {});
    const state = await look().catch((error: Error) => error.message);
    const inside = client as unknown as { getTransactionStatus(): string };
    if (inside.getTransactionStatus() === 'I' && isDeepStrictEqual(state, before)) continue;
    changing.push({ text, state });
    await anew();
  }
  const missed = changing.filter(({ text }) => examine(text).shareable);
  expect(missed, `it was ${JSON.stringify(before)}`).toEqual([]);
  // They are worth something only if they do what they mean to.
  expect(changing.length).toBeGreaterThan(given.length / 2);
}, 60_000);

test('and nobody on the lane of a pool notices that they were asked for', async () => {
  await using pool = new Pool({
    connectionString: inject('postgresUrl'),
    max: 2,
    statement_timeout: 2_000,
    pipelining: { ...ONE_LANE, lingerMs: 60_000 },
  });
  pool.on('error', () => {});
  await pool.detectPooler();
  const asNew = await look(pool as never);
  for (const text of given) {
    await pool.query(text).catch(() => {});
    expect(await look(pool as never), text).toEqual(asNew);
  }
  expect(pool.stats().lanes).toMatchObject({ lanes: 1 });
}, 60_000);
