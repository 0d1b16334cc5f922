import { describe, expect, test } from 'vitest';
import { readPoolOptions } from './_pg_settings.ts';
import { InvalidOptionError } from './errors.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

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

  test('what pg needs to say where it is connected is filled in from the connection string', () => {
    const { options } = new Pool({ connectionString: 'postgres://me:pw@db.example:6543/shop' });
    expect(options).toMatchObject({ host: 'db.example', port: 6543, database: 'shop', user: 'me' });
    expect(Object.keys(options)).not.toContain('password');
  });
});
