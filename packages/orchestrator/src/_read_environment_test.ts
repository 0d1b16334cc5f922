import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningPostgres, startPostgres } from '@fynlo/services/postgres';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type EnvironmentNeeds, readEnvironment, withoutSecrets } from './_read_environment.ts';
import { AdvancedConnectionPoolOptimizer } from './advanced_connection_pool_optimizer.ts';

function needs(change: Partial<EnvironmentNeeds>): EnvironmentNeeds {
  return {
    databaseUrl: inject('postgresUrl'),
    redisUrl: inject('redisUrl'),
    connections: 5,
    profile: 'quick',
    outDir: undefined,
    facts: {},
    ...change,
  };
}

let small: RunningPostgres;
let dir: string;
beforeAll(async () => {
  small = await startPostgres({ external: false, maxConnections: 20, auth: 'trust' });
  dir = await mkdtemp(join(tmpdir(), 'fynlo-environment-'));
});
afterAll(async () => {
  await small.stop();
  await rm(dir, { recursive: true, force: true });
});

describe('readEnvironment()', () => {
  it('says what it found', async () => {
    const environment = await readEnvironment(needs({ facts: { auth: 'trust' }, outDir: dir }));
    expect(environment.node).toBe(process.version);
    expect(environment.postgres.version).toMatch(/^\d+/);
    expect(environment.postgres.maxConnections).toBeGreaterThan(0);
    expect(environment.redis.version).toMatch(/^\d+\./);
    expect(environment.packages['pg']).toMatch(/^\d+\.\d+/);
    expect(environment.facts).toEqual({ auth: 'trust' });
    expect(await readdir(dir)).toEqual([]);
  });

  it.each<[string, () => Partial<EnvironmentNeeds>, RegExp]>([
    [
      'ERR_UNFIT_DATABASE',
      () => ({ databaseUrl: 'postgres://u:secret@127.0.0.1:1/db' }),
      /127\.0\.0\.1:1/,
    ],
    ['ERR_UNFIT_REDIS', () => ({ redisUrl: 'redis://:secret@127.0.0.1:1' }), /127\.0\.0\.1:1/],
    [
      'ERR_UNFIT_MAX_CONNECTIONS',
      () => ({ databaseUrl: small.url, connections: 100 }),
      /opens 100 connections.*max_connections 20/,
    ],
    ['ERR_UNFIT_OPEN_FILES', () => ({ connections: 1e9 }), /ulimit -n/],
  ])('refuses with %s and a remedy', async (code, change, text) => {
    const reading = readEnvironment(needs(change()));
    await expect(reading).rejects.toMatchObject({ code, name: 'UnfitEnvironmentError' });
    const error: { remedy: string; message: string } = await reading.then(
      () => Promise.reject(new Error('accepted')),
      (e) => e,
    );
    expect(error.remedy).not.toBe('');
    expect(error.message).toMatch(text);
    expect(error.message).not.toContain('secret');
  });

  it('refuses a directory that cannot be written', async () => {
    await writeFile(join(dir, 'file'), '');
    await expect(
      readEnvironment(needs({ outDir: join(dir, 'file', 'out') })),
    ).rejects.toMatchObject({
      code: 'ERR_UNFIT_OUT_DIR',
    });
    await rm(join(dir, 'file'));
  });

  it('refuses a role that may not make a schema', async () => {
    const admin = new pg.Client({ connectionString: small.url });
    await admin.connect();
    await admin.query('create role visitor login');
    await admin.end();
    const url = new URL(small.url);
    url.username = 'visitor';
    await expect(readEnvironment(needs({ databaseUrl: url.href }))).rejects.toMatchObject({
      code: 'ERR_UNFIT_PRIVILEGE',
    });
  });
});

describe('initializeOptimizationFramework()', () => {
  it('refuses a server that is too small for the profile, and leaves nothing on it', async () => {
    await using optimizer = new AdvancedConnectionPoolOptimizer({
      databaseUrl: small.url,
      redisUrl: inject('redisUrl'),
      profile: 'full',
    });
    await expect(optimizer.initializeOptimizationFramework()).rejects.toMatchObject({
      code: 'ERR_UNFIT_MAX_CONNECTIONS',
    });
    const client = new pg.Client({ connectionString: small.url });
    await client.connect();
    const { rows } = await client.query("select 1 from pg_namespace where nspname like 'fynlo%'");
    await client.end();
    expect(rows).toEqual([]);
  });
});

describe('withoutSecrets()', () => {
  it.each([
    ['postgres://user:pw@host:5432/db?sslmode=require', 'postgres://host:5432/db'],
    ['postgres:///db?host=/run/postgresql&password=pw', 'postgres:///run/postgresql/db'],
    ['redis://:pw@127.0.0.1:6379', 'redis://127.0.0.1:6379'],
    ['nonsense', 'an URL that cannot be read'],
  ])('of %s is %s', (url, shown) => {
    expect(withoutSecrets(url)).toBe(shown);
  });
});
