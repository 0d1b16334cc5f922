import pg from 'pg';
import { hostOf } from '../servers/bench_servers.ts';
import { advice, type Finding, ok, problem } from './finding.ts';

interface Limits {
  readonly version: string;
  readonly max: number;
  readonly reserved: number;
  readonly role: number;
  readonly database: number;
  readonly used: number;
  readonly idleInTransaction: string;
}

/** The server's limits against what the service may open, and what may stand in between. */
export async function examinePostgres(url: string, wanted: number): Promise<Finding[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  client.on('error', () => {});
  try {
    await client.connect();
    return [...limits(await readLimits(client), wanted), await pooler(client)];
  } catch (error) {
    return [
      problem(
        `Cannot look at PostgreSQL at ${hostOf(url)}: ${(error as Error).message}`,
        'check host, port, user and password in DATABASE_URL, and that the server runs',
      ),
    ];
  } finally {
    await client.end().catch(() => {});
  }
}

async function readLimits(client: pg.Client): Promise<Limits> {
  const { rows } = await client.query<Limits>(`
    select current_setting('server_version') as version,
           current_setting('max_connections')::int as max,
           current_setting('superuser_reserved_connections')::int
             + coalesce(current_setting('reserved_connections', true), '0')::int as reserved,
           (select rolconnlimit from pg_roles where rolname = current_user) as role,
           (select datconnlimit from pg_database where datname = current_database()) as database,
           (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as used,
           current_setting('idle_in_transaction_session_timeout') as "idleInTransaction"`);
  return rows[0] as Limits;
}

/** Pure: what the numbers mean. */
export function limits(found: Limits, wanted: number): Finding[] {
  const { version, max, reserved, role, database, idleInTransaction } = found;
  const bounds = [
    { what: `max_connections ${max} less ${reserved} reserved`, allows: max - reserved },
    ...(role >= 0 ? [{ what: "the role's connection limit", allows: role }] : []),
    ...(database >= 0 ? [{ what: "the database's connection limit", allows: database }] : []),
  ];
  const tightest = bounds.reduce((a, b) => (b.allows < a.allows ? b : a));
  const fit = wanted <= tightest.allows;
  return [
    ok(`PostgreSQL ${version}, ${found.used} connections open now`),
    fit
      ? ok(`${tightest.what} allows ${tightest.allows}; the service may open ${wanted}`)
      : problem(
          `The service may open ${wanted} connections, ${tightest.what} allows ${tightest.allows}`,
          `give each instance a smaller max, raise the limit, or put a pooler in between: above it connects fail with 53300`,
        ),
    ...(idleInTransaction === '0'
      ? [
          advice(
            'idle_in_transaction_session_timeout is off: a forgotten transaction holds its locks for ever',
            "alter role … set idle_in_transaction_session_timeout = '60s'",
          ),
        ]
      : [ok(`idle_in_transaction_session_timeout ${idleInTransaction}`)]),
  ];
}

/** Behind a pooler the process id the client was told is not that of the backend that answers. */
async function pooler(client: pg.Client): Promise<Finding> {
  const told = (client as unknown as { processID: number | null }).processID;
  const pids = new Set<number>();
  for (let i = 0; i < 3; i++) {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    for (const { pid } of rows) pids.add(pid);
  }
  if (pids.size === 1 && told !== null && pids.has(told)) return ok('No pooler in between');
  const mode = pids.size > 1 ? 'transaction or statement mode' : 'session mode, or few clients';
  return advice(
    `A pooler stands in between (${mode})`,
    'session state (SET, LISTEN, advisory locks) may not survive a transaction, and asking after silent connections by backend pid is off',
  );
}
