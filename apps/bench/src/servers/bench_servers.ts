import { type RunningPostgres, startPostgres } from '@fynlo/services/postgres';
import { type RunningRedis, startRedis } from '@fynlo/services/redis';
import { Redis } from 'ioredis';
import pg from 'pg';
import { EnvironmentError } from '../cli/errors.ts';
import type { ServerEnvironment } from '../measure/environment.ts';

/** The servers of one run. */
export interface BenchServers extends AsyncDisposable {
  readonly postgres: RunningPostgres;
  readonly redis: RunningRedis;
  readonly postgresEnvironment: ServerEnvironment;
  readonly redisEnvironment: ServerEnvironment;
}

export interface BenchServerOptions {
  /** The most connections a scenario opens; a started server allows so many, a given one is asked. */
  readonly maxConnections: number;
  readonly note: (line: string) => void;
}

/**
 * Starts both servers side by side, or takes those that `DATABASE_URL` and `REDIS_URL` name, and looks at them.
 *
 * @throws EnvironmentError in one line when one cannot be started or reached.
 */
export async function startBenchServers(options: BenchServerOptions): Promise<BenchServers> {
  const { maxConnections, note } = options;
  const [postgres, redis] = await Promise.allSettled([
    startPostgres({ maxConnections, auth: 'scram-sha-256', note }),
    startRedis({ note }),
  ]);
  const started = [postgres, redis].flatMap((r) => (r.status === 'fulfilled' ? [r.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((server) => server.stop()));
  };
  try {
    const servers = { postgres: value(postgres), redis: value(redis) };
    const postgresEnvironment = await lookAtPostgres(servers.postgres);
    const redisEnvironment = await lookAtRedis(servers.redis);
    return { ...servers, postgresEnvironment, redisEnvironment, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function value<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'fulfilled') return result.value;
  const cause = result.reason as Error;
  throw new EnvironmentError(cause.message, { cause });
}

export async function lookAtPostgres(server: RunningPostgres): Promise<ServerEnvironment> {
  const { url, source } = server;
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 5000,
    query_timeout: 5000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ name: string; setting: string }>(
      `select name, setting from pg_settings where name in
       ('server_version', 'max_connections', 'fsync', 'synchronous_commit', 'shared_buffers', 'password_encryption')`,
    );
    const { server_version: version = 'unknown', ...settings } = Object.fromEntries(
      rows.map(({ name, setting }) => [name, setting]),
    );
    const auth = server.auth ?? (await authOf(client));
    return { version, source, settings: { ...settings, auth } };
  } catch (cause) {
    throw new EnvironmentError(`Cannot reach PostgreSQL at ${hostOf(url)}: ${reason(cause)}`, {
      cause,
    });
  } finally {
    await client.end().catch(() => {});
  }
}

/** How the server let this connection in; PostgreSQL tells it from 16 on. */
async function authOf(client: pg.Client): Promise<string> {
  const asked = client.query<{ method: string | null }>(
    "select split_part(system_user, ':', 1) as method",
  );
  return asked.then(
    ({ rows }) => rows[0]?.method ?? 'trust',
    () => 'unknown',
  );
}

async function lookAtRedis({ url, source }: RunningRedis): Promise<ServerEnvironment> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 5000,
    commandTimeout: 5000,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  });
  let lastError: unknown;
  client.on('error', (error) => {
    lastError = error;
  });
  try {
    await client.connect();
    const info = await client.info();
    const field = (name: string): string =>
      new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? 'unknown';
    return {
      version: field('redis_version'),
      source,
      settings: {
        maxmemory: field('maxmemory_human'),
        'maxmemory-policy': field('maxmemory_policy'),
        appendonly: field('aof_enabled') === '1' ? 'yes' : 'no',
      },
    };
  } catch (cause) {
    throw new EnvironmentError(
      `Cannot reach Redis at ${hostOf(url)}: ${reason(lastError ?? cause)}`,
      { cause },
    );
  } finally {
    client.disconnect();
  }
}

/** Host and port only: a URL may hold a password. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'an unreadable URL';
}

/** An AggregateError (several addresses tried) has no message of its own. */
function reason(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map((one: Error) => one.message).join('; ');
  }
  return error instanceof Error ? error.message : String(error);
}
