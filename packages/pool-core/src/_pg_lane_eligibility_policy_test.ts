import { describe, expect, it } from 'vitest';
import { examine } from './_pg_lane_eligibility_policy.ts';

describe('examine() lets share', () => {
  it.each([
    'select 1',
    'SELECT * FROM t WHERE id = $1',
    '  -- a comment\n/* and /* a nested */ one */ select 1 ;  ',
    '(select 1) union all (select 2)',
    'values (1), (2)',
    'table t',
    "insert into t (a, b) values ($1, 'it''s; fine') on conflict (a) do update set b = excluded.b returning *",
    'update t set a = a + 1 where id = $1',
    'delete from t using u where t.id = u.id',
    'merge into t using u on t.id = u.id when matched then update set a = 1',
    'with moved as (delete from t returning *) insert into u select * from moved',
    'select * from t for update skip locked',
    "select e'a\\'b; set role x', $$begin; commit$$, $tag$ it's $$ $tag$",
    'select "begin; commit", "a""b" from "set"',
    "select 'set_config(''a'', ''b'', false)'",
    '/* set_config( */ select 1 -- pg_advisory_lock(1)',
    'select current_setting($1), nextval($2), now()',
    "select pg_sleep(1), pg_typeof(1), pg_get_viewdef('v'), pg_total_relation_size('t'), pg_notify('a', 'b')",
    'select count(*) from pg_stat_activity where pid <> pg_backend_pid()',
    'select 1;;',
    'select set, listen, "lock" from t',
    "select setting from pg_settings where name = 'update'",
    'insert into t select * from pg_catalog."pg_settings"',
    "update t set b = 'pg_settings' where a = 1",
    'update settings set set_limits = 1',
    'with a as (select 1) insert into t select * from a',
    'with a as (insert into t values (1) returning b), c as materialized (merge into t using u on t.a = u.a when matched then delete) select * from a',
    'select a from t insert where insert.b = 1',
  ])('%s', (text) => {
    expect(examine(text)).toMatchObject({ shareable: true, preparable: true });
  });
});

describe('examine() keeps apart', () => {
  it.each([
    '',
    '   ',
    ';',
    '-- only a comment',
    'begin',
    'start transaction',
    'commit',
    'rollback to savepoint a',
    'savepoint a',
    'set search_path = x',
    'reset all',
    'show search_path',
    'listen a',
    'unlisten *',
    'notify a',
    'lock table t',
    'discard all',
    'prepare a as select 1',
    'execute a',
    'deallocate all',
    'declare c cursor for select 1',
    'fetch all from c',
    'copy t from stdin',
    'call p()',
    "do $$ begin perform set_config('a.b', 'c', false); end $$",
    'create temp table a (b int)',
    'vacuum t',
    'explain analyze select 1',
    'select 1; select 2',
    'select 1; begin',
    'select 1; /* then */ set role x',
    'select 1 into temp t',
    'select 1into temp t',
    'select a into b from c',
    'select 1 as insert into temp t',
    'select a merge into t',
    'select (1) insert into temporary t',
    'select (1) insert into/**/local temp t',
    'with x as (select 1 as a) select a insert into temp t from x',
    "select 1$a$ from t; $a$, set_config('a.b', 'c', false)",
    'select hypopg_create_index($1)',
    'select dbms_output.enable()',
    'with x as (select 1) select * into y from x',
    "select set_config('a.b', 'c', false)",
    `select "set_config"('a.b', 'c', false)`,
    "select pg_catalog.SET_CONFIG('a.b', 'c', false)",
    "select set_config /* here */ ('a.b', 'c', false)",
    "select U&\"set\\005fconfig\"('a.b', 'c', false)",
    "select u&'d\\0061t\\+000061'",
    'select pg_advisory_lock(1)',
    'select pg_try_advisory_lock_shared(1, 2)',
    'select pg_advisory_unlock_all()',
    'select pg_reload_conf()',
    'select pg_export_snapshot()',
    "select pg_create_logical_replication_slot('a', 'b', true)",
    "select dblink_connect('a', 'b')",
    "select query_to_xml('select 1', true, true, '')",
    'select setseed(0.5)',
    "select currval('s')",
    'select lo_open(1, 2)',
    'select * from pg_temp.t',
    "update pg_settings set setting = 'x' where name = 'search_path'",
    "UPDATE Pg_Settings SET setting = 'x'",
    "update only pg_catalog . pg_settings as s set setting = 'x'",
    `update pg_catalog /* c */ . "pg_settings" set setting = 'x'`,
    'update U&"pg\\005fsettings" set setting = \'x\'',
    "with x as (update pg_settings set setting = 'x' returning *) select * from x",
    'with pg_settings as (select 1) update t set a = 1',
    "merge into pg_settings using t on true when matched then update set setting = 'x'",
    'select * from pg_settings for update',
    "update pg_settings set setting = 'x';",
    'select set_limit(0.9::real)',
    'select public . "set_limit" (0.9)',
    'select isn_weak(true)',
    'select loread(0, 10)',
    'select dblink_exec($1)',
    'select lastval()',
    'select pg_replication_origin_session_setup($1)',
    'select binary_upgrade_set_next_pg_authid_oid(1)',
    "select '\\' , set_config('a.b', 'c', false), '",
    "select 'a",
    'select "a',
    'select $$a',
    'select 1 /* open',
    "select e'a\\'",
    "select 1, ';' ; commit",
    `select ${'1, '.repeat(20_000)} 1`,
  ])('%s', (text) => {
    expect(examine(text).shareable).toBe(false);
  });
});

it('texts that differ in literals, comments and layout are one statement', () => {
  const one = examine("select  a.b -- x\n from t where c = 12 and d = 'x' and e = $1");
  const two = examine('SELECT a.b FROM t WHERE c = 3.5e7 AND d = $$yy$$ /* z */ AND e = $2;');
  expect(one.normalised).toBe(two.normalised);
  expect(examine('select a from "T"').normalised).not.toBe(examine('select a from "t"').normalised);
});

it('the end of a dollar quote, of an escape string and of a nested comment is found as the server does', () => {
  expect(examine('select $a$ $b$ $a$; commit').shareable).toBe(false);
  expect(examine("select E'\\\\'; commit").shareable).toBe(false);
  expect(examine('select 1 /* /* */ ; commit */').shareable).toBe(true);
  expect(examine('select a$b$ from t where c = $b$; commit').shareable).toBe(false);
});
