/**
 * Asks PostgreSQL how many connections it has room for.
 */
import type pg from 'pg';
import { insideOf } from './_pg_client_inside.ts';
import type { ServerCapacity } from './contract.ts';

/**
 * `session_user`, as limits apply to who logged in. `reserved_connections` and its role came with PostgreSQL 16. Superusers
 * may have every slot, and no limit of a role or database holds for them.
 */
const ASK = `
select pg_backend_pid() as pid, r.rolsuper::int as superuser,
  current_setting('max_connections')::int as slots,
  current_setting('superuser_reserved_connections')::int as for_superusers,
  coalesce(current_setting('reserved_connections', true), '0')::int as reserved,
  (select count(*) from pg_roles p where p.rolname = 'pg_use_reserved_connections'
    and pg_has_role(r.oid, p.oid, 'usage'))::int as may_use_reserved,
  r.rolconnlimit as role_limit, d.datconnlimit as database_limit
from pg_roles r, pg_database d
where r.rolname = session_user and d.datname = current_database()`;

/**
 * @returns undefined where the server does not know the question (not every server that speaks the protocol is PostgreSQL),
 * and behind a pooler, told by a backend that is not the client's: there the server's limits are the pooler's affair.
 */
export async function readServerCapacity(client: pg.Client): Promise<ServerCapacity | undefined> {
  const { processID } = insideOf(client);
  if (typeof processID !== 'number') return undefined;
  const row = await new Promise<Record<string, unknown> | undefined>((resolve) => {
    void client.query(ASK, (error: Error | undefined, result: pg.QueryResult | undefined) => {
      resolve(error ? undefined : result?.rows[0]);
    });
  });
  // The application may have parsers of its own for these types.
  const of = (column: string): number => Number(row?.[column]);
  if (of('pid') !== processID) return undefined;
  const maxConnections = of('slots');
  if (of('superuser') === 1) return { maxConnections, reserved: 0 };
  const forReservedRole = of('may_use_reserved') > 0 ? 0 : of('reserved');
  return {
    maxConnections,
    reserved: of('for_superusers') + forReservedRole,
    // -1 is none.
    ...(of('role_limit') >= 0 ? { roleLimit: of('role_limit') } : {}),
    ...(of('database_limit') >= 0 ? { databaseLimit: of('database_limit') } : {}),
  };
}
