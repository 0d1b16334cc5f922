import { describe, expect, test } from 'vitest';
import {
  ADVISORY_LOCK,
  AUTHORIZATION,
  HELD_CURSOR,
  LISTENING,
  NO_TRACES,
  PREPARED,
  ROLE,
  SETTINGS,
  STATEMENTS_LOST,
  TEMPORARY,
  together,
  tracesOf,
  undoing,
} from './_pg_session_policy.ts';

const ANY_SETTING = SETTINGS | ROLE | AUTHORIZATION;

describe('tracesOf', () => {
  const clean = [
    'select 1',
    'update offset_table set a = 1 where temp_c > 3',
    'with x as (select 1) update t set a = 1',
    "insert into notes(text) values ('set up, listen well')",
    'begin',
    'commit; select 1',
    'SET LOCAL search_path = x',
    'set transaction isolation level serializable',
    'SET CONSTRAINTS ALL DEFERRED',
    "select set_config('app.tenant', $1, true)",
    "select set_config('a.b', 'x', 't'::boolean)",
    'select pg_advisory_xact_lock(1)',
    'select pg_try_advisory_xact_lock(1)',
    'declare c cursor for select 1',
    'prepare transaction $$x$$',
    'select temperature from prepared_meals',
    'unlisten *',
    "select to_regclass('pg_temp.t')",
    'select 1 -- set x = 1',
    "select setting from pg_settings where name = 'updated'",
    'update settings set set_limit = 1 where set_limit > 2',
    "select set_config('a.b', 'x', true), set_config('a.c', 'y', true)",
  ];
  test.each(clean)('sees nothing in %j', (text) => {
    expect(tracesOf(text)).toBe(NO_TRACES);
  });

  const dirty: [text: string, kinds: number, settings?: readonly string[] | undefined][] = [
    ['SET search_path = x', SETTINGS, ['search_path']],
    ['  /* why */ set session statement_timeout to 3', SETTINGS, ['statement_timeout']],
    ["-- why\nset TIME ZONE 'UTC'", SETTINGS, ['timezone']],
    ["SET NAMES 'utf8'", SETTINGS, ['client_encoding']],
    ["set app.user = '1'", SETTINGS, ['app.user']],
    ['select 1; SET a.b = \'c\'; set "D".e to 1', SETTINGS, ['a.b', 'd.e']],
    [
      'set session characteristics as transaction read only',
      SETTINGS,
      [
        'default_transaction_isolation',
        'default_transaction_read_only',
        'default_transaction_deferrable',
      ],
    ],
    ["select set_config('app.tenant', $1, false)", SETTINGS, ['app.tenant']],
    ["select set_config('app.tenant', $1, $2)", SETTINGS, ['app.tenant']],
    ['select set_config($1, $2, false)', ANY_SETTING, undefined],
    ['do $$ begin set x = 1; end $$', ANY_SETTING, undefined],
    [`select "set_config"('app.tenant', '1', false)`, SETTINGS, ['app.tenant']],
    ["select set_config /* here */ ('app.tenant', '1', false)", ANY_SETTING, undefined],
    ["select set_config('a.b', 'x;y', false)", ANY_SETTING, undefined],
    ["select U&\"set\\005fconfig\"('a.b', 'x', false)", ANY_SETTING | ADVISORY_LOCK, undefined],
    ["select set_config('role', 'bob', false)", ROLE],
    ["select set_config('Session_Authorization', 'bob', false)", AUTHORIZATION],
    ['set "role" to bob', ROLE],
    ['set session_authorization to bob', AUTHORIZATION],
    ["update pg_settings set setting = 'x' where name = 'search_path'", SETTINGS, undefined],
    [`UPDATE pg_catalog /* c */ . "pg_settings" SET setting = $1`, SETTINGS, undefined],
    [
      "with x as (update pg_settings set setting = 'x' returning *) select * from x",
      SETTINGS,
      undefined,
    ],
    ['select set_limit(0.9::real)', SETTINGS, ['pg_trgm.similarity_threshold']],
    ['select public."set_limit" (0.9)', SETTINGS, ['pg_trgm.similarity_threshold']],
    ['select isn_weak(true)', SETTINGS, ['isn.weak']],
    ['set role bob', ROLE],
    ['SET SESSION ROLE bob', ROLE],
    ['set session authorization bob', AUTHORIZATION],
    ['LISTEN jobs', LISTENING],
    ['create temp table t(a int)', TEMPORARY],
    ['CREATE TEMPORARY TABLE t as select 1', TEMPORARY],
    ['select 1 into temp t', TEMPORARY],
    ['create table pg_temp.t(a int)', TEMPORARY],
    ['select pg_advisory_lock(1)', ADVISORY_LOCK],
    ['select pg_try_advisory_lock_shared(1)', ADVISORY_LOCK],
    ['declare c cursor with hold for select 1', HELD_CURSOR],
    ['prepare p as select 1', PREPARED],
    ['discard all', STATEMENTS_LOST],
    ['deallocate all', STATEMENTS_LOST],
  ];
  test.each(dirty)('sees what %j leaves', (text, kinds, ...settings) => {
    const traces = tracesOf(text);
    expect(traces.kinds).toBe(kinds);
    expect(traces.settings).toEqual(settings.length === 0 ? [] : settings[0]);
  });

  test('looks at the first 16 KiB of a long text, in bounded time', () => {
    const long = `insert into t values ${"('set', 1),".repeat(100_000)}`;
    const begun = performance.now();
    expect(tracesOf(long)).toBe(NO_TRACES);
    expect(performance.now() - begun).toBeLessThan(1_000);
  });

  test('takes time in proportion to a text made to provoke it', () => {
    for (const text of [
      `select set_config(${' ,'.repeat(8_000)}`,
      `${'/*'.repeat(8_000)}set x`,
      `${';  '.repeat(5_000)}set`,
      `declare ${'with '.repeat(3_000)}`,
      `select ${'set_config('.repeat(1_500)}`,
      `select ${'set_limit" '.repeat(1_500)}`,
    ]) {
      const begun = performance.now();
      tracesOf(text);
      expect(performance.now() - begun).toBeLessThan(2_000);
    }
  });
});

describe('undoing', () => {
  test('undoes each kind, the user first', () => {
    const left = [
      'set role bob',
      'set x = 1',
      'listen a',
      'create temp table t()',
      'prepare "P p" as select 1',
      'declare c cursor with hold for select 1',
      'select pg_advisory_lock(1)',
    ]
      .map(tracesOf)
      .reduce(together, NO_TRACES);
    expect(undoing(left, NO_TRACES)).toBe(
      'RESET ROLE; RESET ALL; CLOSE ALL; UNLISTEN *; DISCARD TEMP; DEALLOCATE "P p"; SELECT pg_catalog.pg_advisory_unlock_all()',
    );
  });

  test('keeps what the setup made: settings of other names are reset one by one', () => {
    const setUp = tracesOf('set search_path = app');
    expect(undoing(tracesOf('set statement_timeout = 1; set app.u = 2'), setUp)).toBe(
      'RESET "statement_timeout"; RESET "app"."u"',
    );
    expect(undoing(tracesOf('set search_path = other'), setUp)).toBeUndefined();
    expect(undoing(tracesOf('select set_config($1, $2, false)'), setUp)).toBeUndefined();
    expect(undoing(tracesOf('set role bob'), tracesOf('set role app'))).toBeUndefined();
    expect(undoing(tracesOf('listen a'), tracesOf('set role app'))).toBe('UNLISTEN *');
  });

  test('asks for a new session when pg’s prepared statements are gone', () => {
    expect(undoing(tracesOf('discard all'), NO_TRACES)).toBeUndefined();
  });
});
