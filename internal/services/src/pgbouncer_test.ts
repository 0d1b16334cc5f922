import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import pg from 'pg';
import { expect, inject, test, vi } from 'vitest';
import { ServiceStartError, ServiceStateError } from './errors.ts';
import { startPgBouncer } from './pgbouncer.ts';
import { startPostgres } from './postgres.ts';

async function ask<T extends object>(connectionString: string, text: string): Promise<T[]> {
  const client = new pg.Client({ connectionString });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<T>(text)).rows;
  } finally {
    await client.end();
  }
}

test('a pooler of its own answers in front of the server of a test run, and tells its settings', async () => {
  await using pooler = await startPgBouncer(inject('postgresUrl'), { defaultPoolSize: 3 });
  expect(pooler).toMatchObject({ host: '127.0.0.1', poolMode: 'transaction' });
  expect(pooler.version).toMatch(/^1\.\d+\.\d+/);
  expect(['path', 'apt']).toContain(pooler.source);
  expect(await ask(pooler.url, 'select 1 as n')).toEqual([{ n: 1 }]);
  const config = await ask<{ key: string; value: string }>(pooler.adminUrl, 'SHOW CONFIG');
  const value = (key: string): unknown => config.find((row) => row.key === key)?.value;
  expect(value('pool_mode')).toBe('transaction');
  expect(value('default_pool_size')).toBe('3');
});

test('it checks passwords by SCRAM towards both sides, also those of users it has to look up', async () => {
  await using postgres = await startPostgres({ external: false });
  await ask(postgres.url, "create role other login password 'secret'");
  await using pooler = await startPgBouncer(postgres.url);
  expect(await ask(pooler.url, 'select current_user as name')).toEqual([{ name: 'postgres' }]);
  const other = new URL(pooler.url);
  other.username = 'other';
  other.password = 'wrong';
  await expect(ask(other.href, 'select 1')).rejects.toThrow(/authentication failed/);
  other.password = 'secret';
  expect(await ask(other.href, 'select current_user as name')).toEqual([{ name: 'other' }]);
});

test.each(['transaction', 'session', 'statement'] as const)(
  'in %s mode a server connection is kept as long as it says',
  async (poolMode) => {
    await using pooler = await startPgBouncer(inject('postgresUrl'), { poolMode });
    const clients = [1, 2].map(() => new pg.Client({ connectionString: pooler.url }));
    const pids = new Set<number>();
    for (const client of clients) {
      client.on('error', () => undefined);
      await client.connect();
      const { rows } = await client.query('select pg_backend_pid() as pid');
      pids.add(rows[0].pid);
    }
    expect(pids.size).toBe(poolMode === 'session' ? 2 : 1);
    const begin = clients[0]?.query('begin');
    if (poolMode === 'statement') await expect(begin).rejects.toThrow();
    else await begin;
    await Promise.all(clients.map((client) => client.end()));
  },
);

test('kill() and restart() on the same port, freeze() and thaw(), and stop() leaves nothing', async () => {
  const folders = (): string[] =>
    readdirSync(tmpdir()).filter((name) => name.startsWith('fynlo-pgb-'));
  const before = folders();
  const pooler = await startPgBouncer(inject('postgresUrl'));
  const [folder] = folders().filter((name) => !before.includes(name));
  expect(folder).toBeDefined();
  await pooler.kill();
  await expect(ask(pooler.url, 'select 1')).rejects.toThrow();
  await expect(pooler.kill()).rejects.toThrow(ServiceStateError);
  await pooler.restart();
  expect(await ask(pooler.url, 'select 1 as n')).toEqual([{ n: 1 }]);
  pooler.freeze();
  const answer = ask(pooler.url, 'select 1 as n');
  pooler.thaw();
  expect(await answer).toEqual([{ n: 1 }]);
  await Promise.all([pooler.stop(), pooler.stop()]);
  expect(existsSync(`${tmpdir()}/${folder}`)).toBe(false);
});

test('a setting that it refuses is in the error', async () => {
  const failure = await startPgBouncer(inject('postgresUrl'), { settings: { bogus: 1 } }).catch(
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(ServiceStartError);
  expect(failure).toMatchObject({ code: 'ERR_SERVICE_START', service: 'PgBouncer' });
  expect(String(failure)).toContain('bogus');
});

test('without any PgBouncer and any package manager the error says what was tried and what to install', async () => {
  vi.stubEnv('PATH', '');
  try {
    const failure = String(
      await startPgBouncer(inject('postgresUrl')).catch((error: unknown) => error),
    );
    // Where one is installed as distributions do it, PATH does not matter.
    if (!existsSync('/usr/sbin/pgbouncer')) {
      expect(failure).toContain('no pgbouncer on PATH');
      expect(failure).toContain('apt-get install pgbouncer');
    }
  } finally {
    vi.unstubAllEnvs();
  }
});
