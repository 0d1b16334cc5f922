import { Pool, type PoolerVerdict } from '@fynlo/pool-core';
import pg from 'pg';
import { advice, type Finding, ok, problem, unknown } from './finding.ts';

/** What PgBouncer says of itself to users that may ask (`admin_users`, `stats_users`). */
export interface PgBouncerSettings {
  readonly version: string;
  readonly defaultPoolSize: number;
  readonly maxClientConn: number;
  /** undefined: before 1.21. */
  readonly maxPreparedStatements: number | undefined;
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
    const config = new Map(rows.map(({ key, value }) => [key, value]));
    const prepared = config.get('max_prepared_statements');
    return {
      version: version.rows[0]?.version ?? 'PgBouncer',
      defaultPoolSize: Number(config.get('default_pool_size')),
      maxClientConn: Number(config.get('max_client_conn')),
      maxPreparedStatements: prepared === undefined ? undefined : Number(prepared),
    };
  } catch {
    return undefined;
  } finally {
    await client.end().catch(() => {});
  }
}

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
  { version, defaultPoolSize, maxClientConn }: PgBouncerSettings,
): Finding {
  if (wanted > maxClientConn) {
    return problem(
      `The service may open ${wanted} connections, ${version} takes ${maxClientConn} (max_client_conn)`,
      'give each instance a smaller max, or raise max_client_conn',
    );
  }
  // 0: without a limit, since 1.24.
  if (mode === 'session' && defaultPoolSize > 0 && wanted > defaultPoolSize) {
    return problem(
      `The service may open ${wanted} connections, ${version} has ${defaultPoolSize} servers for them (default_pool_size): the others wait within the pooler`,
      'give each instance a smaller max, raise default_pool_size, or use transaction mode',
    );
  }
  return ok(
    `${version} takes ${maxClientConn} clients and opens ${defaultPoolSize} servers; the service may open ${wanted}`,
  );
}
