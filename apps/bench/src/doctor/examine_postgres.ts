import pg from 'pg';
import { hostOf } from '../servers/bench_servers.ts';
import {
  detectPooler,
  type PgBouncerSettings,
  poolerFindings,
  readPgBouncer,
} from './examine_pooler.ts';
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
    const verdict = await detectPooler(url);
    const settings = verdict.name === 'pgbouncer' ? await readPgBouncer(url) : undefined;
    return [
      ...limits(await readLimits(client), openers(verdict.name === 'none', wanted, settings)),
      ...poolerFindings(verdict, wanted, settings),
    ];
  } catch (error) {
    const { message } = error as Error;
    const refused = /^unsupported startup parameter(?: in options)?: (\S+)/.exec(message)?.[1];
    if (refused !== undefined) {
      return [
        problem(
          `PgBouncer at ${hostOf(url)} refuses the setting ${refused} in the startup packet`,
          `ignore_startup_parameters = ${refused} in its settings (it is then without effect), or set it by alter role … set ${refused}`,
        ),
      ];
    }
    return [
      problem(
        `Cannot look at PostgreSQL at ${hostOf(url)}: ${message}`,
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

/** Who opens connections to the server, and how many. */
interface Opener {
  readonly who: 'service' | 'pooler';
  /** undefined: a pooler that does not tell. */
  readonly wanted: number | undefined;
  /** What to set smaller where that is too many: the pooler's setting. */
  readonly setting?: string;
}

/** Behind a pooler it is the pooler that opens connections: as many as it is told, and no more than it has clients. */
function openers(direct: boolean, wanted: number, settings: PgBouncerSettings | undefined): Opener {
  if (direct) return { who: 'service', wanted };
  if (settings === undefined) return { who: 'pooler', wanted: undefined };
  const { most, setting } = settings.servers;
  return { who: 'pooler', wanted: most === 0 ? wanted : Math.min(wanted, most), setting };
}

/** Pure: what the numbers mean. */
export function limits(found: Limits, { who, wanted, setting }: Opener): Finding[] {
  const { version, max, reserved, role, database, idleInTransaction } = found;
  const bounds = [
    { what: `max_connections ${max} less ${reserved} reserved`, allows: max - reserved },
    ...(role >= 0 ? [{ what: "the role's connection limit", allows: role }] : []),
    ...(database >= 0 ? [{ what: "the database's connection limit", allows: database }] : []),
  ];
  const tightest = bounds.reduce((a, b) => (b.allows < a.allows ? b : a));
  return [
    ok(`PostgreSQL ${version}, ${found.used} of ${max} connections in use`),
    wanted === undefined
      ? ok(`${tightest.what} allows ${tightest.allows}, which the pooler opens`)
      : wanted <= tightest.allows
        ? ok(`${tightest.what} allows ${tightest.allows}; the ${who} may open ${wanted}`)
        : problem(
            `The ${who} may open ${wanted} connections, ${tightest.what} allows ${tightest.allows}`,
            who === 'service'
              ? 'give each instance a smaller max, raise the limit, or put a pooler in between: above it connects fail with 53300'
              : `set ${setting} below the limit, or raise the limit: above it PgBouncer has its clients wait, and then fails them`,
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
