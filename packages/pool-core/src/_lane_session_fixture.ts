/** What of a session its next user would notice. */

/** Loads pg_trgm, and with it settings that are listed from then on. */
export const LOAD = 'select show_limit()';

export const STATE = `
    select show_limit() as trgm, current_user, session_user, current_schemas(true)::text as schemas,
      pg_my_temp_schema()::int as temp_schema, current_setting('fynlo.probe', true) as probe,
      (select md5(string_agg(name || '=' || setting, ',' order by name)) from pg_settings) as settings,
      (select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'advisory') as locks,
      (select count(*) from pg_listening_channels()) as channels,
      (select count(*) from pg_class where relpersistence = 't' and pg_table_is_visible(oid)) as temporary,
      (select count(*) from pg_prepared_statements) as prepared,
      (select count(*) from pg_cursors where name <> '') as cursors`;
