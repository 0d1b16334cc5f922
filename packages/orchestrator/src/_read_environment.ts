import { readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { hostLimits } from './_host_limits.ts';
import type { ServerFacts } from './capabilities.ts';
import type { EnvironmentReport, PostgresReport, RedisReport } from './environment_report.ts';
import { UnfitEnvironmentError } from './errors.ts';

/** Seconds are enough to tell "slow" from "not there", and little enough to wait for at the prompt. */
const CONNECT_TIMEOUT_MS = 5000;
/** File descriptors besides the pool's sockets: logs, the observer, Redis, epoll, the files of the report. */
const SPARE_FILES = 64;

export interface EnvironmentNeeds {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** Connections the run opens on the PostgreSQL server at the same time. */
  readonly connections: number;
  readonly profile: string;
  readonly outDir: string | undefined;
  readonly facts: ServerFacts;
}

/** Looks at everything the run needs, before it needs it. @throws UnfitEnvironmentError on the first that is missing */
export async function readEnvironment(needs: EnvironmentNeeds): Promise<EnvironmentReport> {
  if (needs.outDir !== undefined) await checkWritable(needs.outDir);
  checkOpenFiles(needs.connections);
  const postgres = await readPostgres(needs);
  const redis = await readRedis(needs.redisUrl);
  const limits = hostLimits();
  const loadPerCoreBefore = (loadavg()[0] ?? 0) / limits.cores;
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpuModel: cpus()[0]?.model ?? 'unknown',
    cores: limits.cores,
    coresSource: limits.coresSource,
    memoryBytes: limits.memoryBytes,
    memorySource: limits.memorySource,
    loadPerCoreBefore,
    packages: packageVersions(),
    postgres,
    redis,
    facts: needs.facts,
    warnings:
      loadPerCoreBefore > 0.5
        ? [
            `the machine was busy before the run began (load ${loadPerCoreBefore.toFixed(2)} per core): latencies may be worse than they need to be`,
          ]
        : [],
  };
}

async function checkWritable(outDir: string): Promise<void> {
  const probe = join(outDir, `.write-probe-${process.pid}`);
  try {
    await mkdir(outDir, { recursive: true });
    await writeFile(probe, '');
    await rm(probe);
  } catch (error) {
    throw new UnfitEnvironmentError(
      'ERR_UNFIT_OUT_DIR',
      `The results cannot be written to ${resolve(outDir)}: ${message(error)}`,
      'Give another outDir, or make it writable.',
      error,
    );
  }
}

function checkOpenFiles(connections: number): void {
  const limit = openFilesLimit();
  const needed = connections + SPARE_FILES;
  if (limit !== undefined && limit < needed) {
    throw new UnfitEnvironmentError(
      'ERR_UNFIT_OPEN_FILES',
      `This process may open ${limit} files; ${connections} connections need ${needed}`,
      `Raise the limit (ulimit -n ${needed * 2}), or choose a smaller profile.`,
    );
  }
}

function openFilesLimit(): number | undefined {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const soft = /^Max open files +(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

async function readPostgres(needs: EnvironmentNeeds): Promise<PostgresReport> {
  const address = withoutSecrets(needs.databaseUrl);
  const client = new pg.Client({
    connectionString: needs.databaseUrl,
    application_name: 'fynlo-setup',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: CONNECT_TIMEOUT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw new UnfitEnvironmentError(
      'ERR_UNFIT_DATABASE',
      `PostgreSQL at ${address} cannot be used: ${message(error)}`,
      'Start it, or correct the URL (DATABASE_URL).',
      error,
    );
  }
  try {
    return await askPostgres(client, address, needs);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function askPostgres(
  client: pg.Client,
  address: string,
  needs: EnvironmentNeeds,
): Promise<PostgresReport> {
  const { rows } = await client.query<Record<string, string | null>>(`
    select current_setting('server_version') as version,
           current_setting('max_connections') as max_connections,
           current_setting('superuser_reserved_connections') as superuser_reserved,
           current_setting('reserved_connections', true) as reserved,
           current_setting('shared_buffers') as shared_buffers,
           current_setting('fsync') as fsync,
           current_setting('synchronous_commit') as synchronous_commit,
           (select count(*) from pg_stat_activity
             where backend_type = 'client backend' and pid <> pg_backend_pid())::text as in_use,
           has_database_privilege(current_database(), 'create')::text as may_create`);
  const row = rows[0] ?? {};
  const maxConnections = Number(row['max_connections']);
  const freeConnections =
    maxConnections -
    Number(row['superuser_reserved']) -
    Number(row['reserved'] ?? 0) -
    Number(row['in_use']);
  if (freeConnections < needs.connections) {
    throw new UnfitEnvironmentError(
      'ERR_UNFIT_MAX_CONNECTIONS',
      `The ${needs.profile} profile opens ${needs.connections} connections; PostgreSQL at ${address} has ${freeConnections} free (max_connections ${maxConnections}, ${row['in_use']} in use)`,
      `Set max_connections to ${maxConnections + needs.connections - freeConnections} or more and restart the server, or choose a smaller profile.`,
    );
  }
  if (row['may_create'] !== 'true') {
    throw new UnfitEnvironmentError(
      'ERR_UNFIT_PRIVILEGE',
      `The role may not create a schema in the database at ${address}`,
      'Grant it: GRANT CREATE ON DATABASE … TO …; the run works in a schema of its own and drops it afterwards.',
    );
  }
  return {
    address,
    version: row['version'] ?? 'unknown',
    maxConnections,
    freeConnections,
    sharedBuffers: row['shared_buffers'] ?? 'unknown',
    fsync: row['fsync'] ?? 'unknown',
    synchronousCommit: row['synchronous_commit'] ?? 'unknown',
  };
}

async function readRedis(url: string): Promise<RedisReport> {
  const address = withoutSecrets(url);
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let lastError: unknown;
  redis.on('error', (error) => {
    lastError = error;
  });
  try {
    await redis.connect();
    const info = await redis.info();
    const field = (name: string): string =>
      new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim() ?? 'unknown';
    return {
      address,
      version: field('redis_version'),
      maxmemory: field('maxmemory_human'),
      maxmemoryPolicy: field('maxmemory_policy'),
    };
  } catch (error) {
    // ioredis rejects with "Connection is closed."; what happened was told to the listener.
    throw new UnfitEnvironmentError(
      'ERR_UNFIT_REDIS',
      `Redis at ${address} cannot be used: ${message(lastError ?? error)}`,
      'Start it, or correct the URL (REDIS_URL).',
      lastError ?? error,
    );
  } finally {
    redis.disconnect();
  }
}

/** Versions are read from what is installed, so that a report cannot name another. */
function packageVersions(): Record<string, string> {
  const require = createRequire(import.meta.url);
  const versions: Record<string, string> = {};
  for (const name of [
    '@fynlo/orchestrator',
    '@fynlo/pool-core',
    '@fynlo/resource-optimizer',
    '@fynlo/cache-enhancer',
    '@fynlo/leak-guard',
    'pg',
    'ioredis',
  ]) {
    try {
      versions[name] = require(`${name}/package.json`).version;
    } catch {
      versions[name] = 'unknown';
    }
  }
  return versions;
}

/** Host, port and database: enough to know the server, nothing to keep secret. */
export function withoutSecrets(url: string): string {
  try {
    const { protocol, host, pathname, searchParams } = new URL(url);
    // A Unix socket stands in the query of a PostgreSQL URL.
    return `${protocol}//${host || (searchParams.get('host') ?? '')}${pathname}`;
  } catch {
    return 'an URL that cannot be read';
  }
}

function message(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(message).join('; ');
  return error instanceof Error ? error.message || error.name : String(error);
}
