import { describe, expect, test } from 'vitest';
import { readPoolOptions } from './_pg_settings.ts';
import { InvalidOptionError } from './errors.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

/** What pg's Client reads, what a parsed connection string has, and what libraries hand to their pool beside. */
const FOREIGN = Object.fromEntries(
  `user database port host binary keepAlive keepAliveInitialDelayMillis statement_timeout query_timeout
  client_encoding application_name fallback_application_name lock_timeout options replication
  idle_in_transaction_session_timeout sslnegotiation enableChannelBinding scramMaxIterations encoding pipeline
  stream types connection connect_timeout target_session_attrs load_balance_hosts pool_timeout connection_limit pgbouncer
  sslmode sslcert sslkey sslrootcert schema
  pool client extra logging synchronize entities poolMin idle acquire evict searchPath noWarnings debug dialect
  createTimeoutMillis destroyTimeoutMillis reapIntervalMillis createRetryIntervalMillis propagateCreateError
  archiveCompletedAfterSeconds deleteAfterDays maintenanceIntervalSeconds monitorStateIntervalSeconds migrate
  noSupervisor retryLimit expireInSeconds retentionDays newJobCheckInterval cronMonitorIntervalSeconds
  concurrency pollInterval noHandleSignals preparedStatements maxPoolSize gracefulShutdownAbortTimeout
  disableErrorLogging onPoolError onConnectionError pruneSessionInterval createTableIfMissing ttl native
  maxClients minClients maxLifetime parseInputDatesAsUTC defaults rows idle_timeout max_lifetime onnotice`
    .split(/\s+/)
    .map((name) => [name, name === 'port' ? 5432 : 'x']),
);

describe('the options of Pool', () => {
  test('none given: what pg-pool does', () => {
    expect(readPoolOptions({})).toMatchObject({
      max: 10,
      floor: 0,
      warm: 0,
      idleTimeoutMs: 10_000,
      lifetimeMs: Number.POSITIVE_INFINITY,
      acquireTimeoutMs: Number.POSITIVE_INFINITY,
      connectTimeoutMs: 10_000,
      maxUses: Number.POSITIVE_INFINITY,
      discardOnQueryError: false,
      reset: 'dirty',
      leases: false,
    });
  });

  test.each([
    [{ max: 0 }, { max: 10 }],
    [{ max: '25' }, { max: 25 }],
    [{ poolSize: 7 }, { max: 7 }],
    [
      { maxConnections: 500, minConnections: 10 },
      { max: 500, warm: 10, floor: 0 },
    ],
    [{ max: 5, maxConnections: 5 }, { max: 5 }],
    [{ idleTimeoutMillis: 0 }, { idleTimeoutMs: Number.POSITIVE_INFINITY }],
    [{ idleTimeoutMillis: null }, { idleTimeoutMs: Number.POSITIVE_INFINITY }],
    [{ idleTimeoutMs: 300_000 }, { idleTimeoutMs: 300_000, exactIdle: false }],
    [
      { healthCheckIntervalMs: '5000', maxConnecting: '2', acquireStackEveryMs: null },
      { manager: { healthCheckIntervalMs: 5_000, maxConnecting: 2 } },
    ],
    [{ maxLifetimeSeconds: 60 }, { lifetimeMs: 60_000, exactLifetime: true }],
    [{ connectionLifetimeMs: 3_600_000 }, { lifetimeMs: 3_600_000, exactLifetime: false }],
    [{ connectionTimeoutMillis: 2_000 }, { acquireTimeoutMs: 2_000, connectTimeoutMs: 2_000 }],
    [
      { acquireTimeoutMs: 30_000, connectTimeoutMs: 3_000 },
      { acquireTimeoutMs: 30_000, connectTimeoutMs: 3_000 },
    ],
    [
      { max: null, min: null, maxUses: 0, maxLifetimeSeconds: 0 },
      { max: 10, floor: 0 },
    ],
  ])('%j is read as %j', (options, expected) => {
    expect(readPoolOptions(options as PoolOptions)).toMatchObject(expected);
  });

  test.each([
    ['max', { max: -1 }],
    ['max', { max: 'many' }],
    ['max', { max: 2.5 }],
    ['max', { max: Number.NaN }],
    ['max', { max: {} }],
    ['maxConnections', { max: 5, maxConnections: 6 }],
    ['min', { min: 11 }],
    ['minConnections', { minConnections: 6, max: 5 }],
    ['idleTimeoutMillis', { idleTimeoutMillis: -5 }],
    ['idleTimeoutMs', { idleTimeoutMs: 5, idleTimeoutMillis: 6 }],
    ['connectionLifetimeMs', { connectionLifetimeMs: 1, maxLifetimeSeconds: 60 }],
    ['acquireTimeoutMs', { acquireTimeoutMs: 1, connectionTimeoutMillis: 2 }],
    ['connectionTimeoutMillis', { connectionTimeoutMillis: 'soon' }],
    ['maxUses', { maxUses: -1 }],
    ['discardOnQueryError', { discardOnQueryError: 'yes' }],
    ['reset', { reset: 'sometimes' }],
    ['leases', { leases: 1 }],
    ['name', { name: '' }],
    ['scalingThreshold', { scalingThreshold: 7 }],
    ['healthCheckIntervalMs', { healthCheckIntervalMs: 'often' }],
    ['pooler', { pooler: 'pgbouncer' }],
    ['pooler.mode', { pooler: {} }],
    ['pooler.mode', { pooler: { mode: 'auto' } }],
    ['pooler.name', { pooler: { mode: 'session', name: 'other' } }],
    ['pooler.pipelining', { pooler: { mode: 'session', pipelining: 'no' } }],
    ['pooler.names', { pooler: { mode: 'session', names: true } }],
    ['maxConnecting', { maxConnecting: 0.5 }],
    ['max', { max: Object.create(null) }],
    ['Promise', { Promise: 5 }],
    ['allowExitOnIdle', { allowExitOnIdle: 'false' }],
    ['connectionString', { connectionString: new URL('postgres://a/b') }],
    ['host', { host: 5 }],
    ['options', 'postgres://localhost/x'],
    ['ssl', { ssl: async () => ({ ca: '' }) }],
    ['ssl', { ssl: Promise.resolve({ ca: '' }) }],
    ['ssl', { ssl: 'verify' }],
    ['ssl', { ssl: 'require' }],
    ['ssl', { ssl: 'false' }],
    ['ssl', { ssl: 1 }],
    ['ssl', { ssl: ['ca'] }],
    ['ssl in the connection string', { connectionString: 'postgres://a/b?ssl=verify' }],
    ['ssl in the connection string', { connectionString: 'postgres://a/b?ssl=false' }],
  ])('a wrong %s is refused by its name: %j', (name, options) => {
    let refusal: unknown;
    try {
      new Pool(options as PoolOptions);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(InvalidOptionError);
    expect(refusal).toMatchObject({ option: name, code: 'ERR_POOL_INVALID_OPTION' });
  });

  test.each([
    { ssl: undefined },
    { ssl: null },
    { ssl: true },
    { ssl: false },
    { ssl: '' },
    { ssl: 'true' },
    { ssl: 'no-verify' },
    { ssl: {} },
    { ssl: { ca: 'a', rejectUnauthorized: false, checkServerIdentity: () => undefined } },
    { ssl: Object.create(null) },
    ...[
      'ssl=true',
      'ssl=1',
      'ssl=0',
      'ssl=no-verify',
      'sslmode=verify-full',
      'sslmode=disable',
    ].map((parameter) => ({ connectionString: `postgres://a/b?${parameter}` })),
    { connectionString: 'postgres://a/b?ssl=verify&sslmode=verify-full' },
    { connectionString: 'postgres://a,b/c?ssl=true' },
    { connectionString: '/var/run/postgresql what?ssl=verify' },
  ])('%j is as legal as it is to pg', (options) => {
    expect(() => new Pool(options as PoolOptions)).not.toThrow();
  });

  test("libpq's modes are legal with pg-native, which hands them on, and the refusal elsewhere says where they go", () => {
    class Native {
      isConnected(): boolean {
        return false;
      }
    }
    const options = { ssl: 'require' } as unknown as PoolOptions;
    expect(() => new Pool(options, Native)).not.toThrow();
    expect(() => new Pool({ ...options, Client: Native } as never)).not.toThrow();
    expect(() => new Pool(options)).toThrow(/sslmode=verify-full/);
  });

  test.each([
    ['maxx', 'max'],
    ['MAX', 'max'],
    ['poolsize', 'poolSize'],
    ['maxuses', 'maxUses'],
    ['idleTimeoutMilis', 'idleTimeoutMillis'],
    ['idelTimeoutMillis', 'idleTimeoutMillis'],
    ['connectionTimeoutMs', 'connectionTimeoutMillis'],
    ['connectionTimeoutMiliseconds', 'connectionTimeoutMillis'],
    ['acquireTimeoutMillis', 'acquireTimeoutMs'],
    ['maxLifeTimeSeconds', 'maxLifetimeSeconds'],
    ['maxLifetimeSecond', 'maxLifetimeSeconds'],
    ['allowExitOnidle', 'allowExitOnIdle'],
    ['discardOnQueryErrors', 'discardOnQueryError'],
    ['onconnect', 'onConnect'],
    ['pipelinning', 'pipelining'],
    ['connectionStirng', 'connectionString'],
  ])('%s, a slip of the pen, is refused with the right name, %s', (wrong, right) => {
    const options = { [wrong]: 'postgres://me:secret@a/b' };
    expect(() => new Pool(options)).toThrow(`Invalid option name: "${wrong}" (wanted: ${right})`);
    expect(() => readPoolOptions(options)).not.toThrow('secret');
  });

  test("what is the Client's, another library's or libpq's is none of the pool's affair", () => {
    expect(() => new Pool(FOREIGN as PoolOptions)).not.toThrow();
    expect(Object.keys(new Pool(FOREIGN as PoolOptions).options)).toEqual(
      expect.arrayContaining(Object.keys(FOREIGN)),
    );
  });

  test('what pg needs to say where it is connected is filled in from the connection string', () => {
    const { options } = new Pool({ connectionString: 'postgres://me:pw@db.example:6543/shop' });
    expect(options).toMatchObject({ host: 'db.example', port: 6543, database: 'shop', user: 'me' });
    expect(Object.keys(options)).not.toContain('password');
  });
});
