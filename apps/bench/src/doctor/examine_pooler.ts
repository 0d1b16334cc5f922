import { Pool, type PoolerVerdict } from '@fynlo/pool-core';
import pg from 'pg';
import { advice, type Finding, ok, problem, unknown } from './finding.ts';

/** What PgBouncer says of itself to users that may ask (`admin_users`, `stats_users`). */
export interface PgBouncerSettings {
  readonly version: string;
  /** Servers that it opens for this database and this user, by what says so; 0 where nothing bounds them. */
  readonly servers: ServerBound;
  /** How many of them it opens only for clients that have waited for `reserve_pool_timeout`. */
  readonly reserve: number;
  readonly maxClientConn: number;
  /** undefined: before 1.21. */
  readonly maxPreparedStatements: number | undefined;
}

/** A number of server connections and the setting that it comes from. */
export interface ServerBound {
  readonly most: number;
  readonly setting: string;
}

/** What stands between the service and its server, as a Pool would find it out there. */
export async function detectPooler(url: string): Promise<PoolerVerdict> {
  await using pool = new Pool({ connectionString: url, connectionTimeoutMillis: 5000 });
  return await pool.detectPooler();
}

/** PgBouncer's admin console, by the service's own login; undefined where that may not ask. */
export async function readPgBouncer(url: string): Promise<PgBouncerSettings | undefined> {
  const console = new URL(url);
  console.pathname = '/pgbouncer';
  const client = new pg.Client({ connectionString: console.href, connectionTimeoutMillis: 5000 });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ key: string; value: string }>('SHOW CONFIG');
    const version = await client.query<{ version: string }>('SHOW VERSION');
    const databases = await client.query<DatabaseRow>('SHOW DATABASES');
    const config = new Map(rows.map(({ key, value }) => [key, value]));
    const prepared = config.get('max_prepared_statements');
    const name = decodeURIComponent(new URL(url).pathname.slice(1));
    const settings = poolSettings(
      config,
      databases.rows.find((row) => row.name === name),
    );
    return {
      version: version.rows[0]?.version ?? 'PgBouncer',
      servers: serverBound(settings),
      reserve: settings.reserve,
      maxClientConn: Number(config.get('max_client_conn')),
      maxPreparedStatements: prepared === undefined ? undefined : Number(prepared),
    };
  } catch {
    return undefined;
  } finally {
    await client.end().catch(() => {});
  }
}

/** Of `SHOW DATABASES`: what a database sets for itself, else what all have. */
interface DatabaseRow {
  readonly name: string;
  readonly pool_size?: number;
  /** `reserve_pool_size` from 1.24 on. */
  readonly reserve_pool?: number;
  readonly reserve_pool_size?: number;
  readonly max_connections?: number;
}

/** What bounds the server connections of one database and user; 0 is no bound. */
export interface PoolSettings {
  readonly poolSize: number;
  readonly reserve: number;
  readonly perDatabase: number;
  readonly perUser: number;
}

function poolSettings(
  config: ReadonlyMap<string, string>,
  row: Partial<DatabaseRow> = {},
): PoolSettings {
  const setting = (name: string): number => Number(config.get(name) ?? 0);
  return {
    poolSize: row.pool_size ?? setting('default_pool_size'),
    reserve: row.reserve_pool_size ?? row.reserve_pool ?? setting('reserve_pool_size'),
    perDatabase: row.max_connections ?? setting('max_db_connections'),
    perUser: setting('max_user_connections'),
  };
}

/** Pure: a pool has its size and its reserve, and no more than its database and its user may have in all. */
export function serverBound({
  poolSize,
  reserve,
  perDatabase,
  perUser,
}: PoolSettings): ServerBound {
  const bounds = [
    {
      // 0: without a limit, since 1.24.
      most: poolSize === 0 ? 0 : poolSize + reserve,
      setting: reserve === 0 ? 'default_pool_size' : 'default_pool_size and reserve_pool_size',
    },
    { most: perDatabase, setting: 'max_db_connections' },
    { most: perUser, setting: 'max_user_connections' },
  ].filter(({ most }) => most > 0);
  return bounds.reduce((a, b) => (b.most < a.most ? b : a), bounds[0] ?? NO_BOUND);
}

const NO_BOUND: ServerBound = { most: 0, setting: 'default_pool_size' };

const STATE =
  'keep state within a transaction (SET LOCAL, pg_advisory_xact_lock, temporary tables ON COMMIT DROP), LISTEN on a connection of its own to the server';

/** Pure: what the verdict means for a service that may open `wanted` connections. */
export function poolerFindings(
  verdict: PoolerVerdict,
  wanted: number,
  settings?: PgBouncerSettings,
): Finding[] {
  const { name, mode, settled, reasons } = verdict;
  if (!settled) {
    return [unknown('Whether a pooler stands in between could not be asked', 'run doctor again')];
  }
  if (name === 'none') return [ok('No pooler in between')];
  const [found = ''] = reasons;
  const findings = [
    mode === 'session'
      ? advice(
          found,
          'sessions are kept as on the server itself; only silent connections cannot be found',
        )
      : mode === 'statement'
        ? problem(found, `transactions are refused: use pool_mode = transaction. Besides, ${STATE}`)
        : advice(found, STATE),
  ];
  if (!verdict.pipelining) {
    const why = reasons.find((reason) => reason.startsWith('Statements are not pipelined'));
    findings.push(
      advice(
        why ?? 'Statements are not pipelined through it',
        'pipelining: true changes nothing here; connect to the server itself, or through PgBouncer 1.21 or later with max_prepared_statements above 0',
      ),
    );
  }
  if (!verdict.namedStatements) {
    const version = settings === undefined ? '' : ` (this is ${settings.version})`;
    findings.push(
      advice(
        'Named statements do not survive a transaction: { name } in a query fails with 26000 or 42P05',
        name === 'pgbouncer'
          ? `max_prepared_statements = 100, from PgBouncer 1.21 on${version}; without it, name no statements`
          : "switch the pooler's own support for prepared statements on; without it, name no statements",
      ),
    );
  }
  return settings === undefined ? findings : [...findings, capacity(mode, wanted, settings)];
}

function capacity(
  mode: PoolerVerdict['mode'],
  wanted: number,
  { version, servers: { most, setting }, reserve, maxClientConn }: PgBouncerSettings,
): Finding {
  if (wanted > maxClientConn) {
    return problem(
      `The service may open ${wanted} connections, ${version} takes ${maxClientConn} (max_client_conn)`,
      'give each instance a smaller max, or raise max_client_conn',
    );
  }
  if (mode === 'session' && most > 0 && wanted > most) {
    return problem(
      `The service may open ${wanted} connections, ${version} has ${most} servers for them (${setting}): the others wait within the pooler`,
      `give each instance a smaller max, raise ${setting}, or use transaction mode`,
    );
  }
  // Within a smaller bound on the whole there may be nothing left of it.
  const late = setting.includes('reserve')
    ? `, ${reserve} of them only for clients that have waited (reserve_pool_timeout)`
    : '';
  return ok(
    `${version} takes ${maxClientConn} clients and opens ${most === 0 ? 'as many servers as they need' : `${most} servers (${setting})`}${late}; the service may open ${wanted}`,
  );
}
