import { startPgBouncer } from '@fynlo/services/pgbouncer';
import { expect, inject, test } from 'vitest';
import { detectPooler, poolerFindings, serverBound } from './examine_pooler.ts';
import { examinePostgres } from './examine_postgres.ts';

test('examinePostgres() through a real PgBouncer in transaction mode names it, its mode and the remedies', async () => {
  await using pooler = await startPgBouncer(inject('postgresUrl'), { defaultPoolSize: 5 });
  const findings = await examinePostgres(pooler.url, 10);
  const found = findings.find(({ what }) => what.startsWith('PgBouncer stands in between'));
  expect(found?.what).toContain('in transaction mode');
  expect(found).toMatchObject({ level: 'advice' });
  expect(found?.remedy).toContain('SET LOCAL');
  const named = findings.find(({ what }) => what.startsWith('Named statements'));
  expect(named?.remedy).toContain(`this is PgBouncer ${pooler.version}`);
  expect(findings.some(({ what }) => what.includes('opens 5 servers'))).toBe(true);
  expect(findings.filter(({ level }) => level === 'problem')).toEqual([]);
});

test('in session mode more connections than it has servers are a problem', async () => {
  await using pooler = await startPgBouncer(inject('postgresUrl'), {
    poolMode: 'session',
    defaultPoolSize: 5,
  });
  const problems = (await examinePostgres(pooler.url, 10)).filter(
    ({ level }) => level === 'problem',
  );
  expect(problems).toEqual([
    expect.objectContaining({ what: expect.stringContaining('default_pool_size') }),
  ]);
});

test('in statement mode the refusal of transactions is a problem', async () => {
  await using pooler = await startPgBouncer(inject('postgresUrl'), { poolMode: 'statement' });
  const [finding] = poolerFindings(await detectPooler(pooler.url), 10);
  expect(finding).toMatchObject({ level: 'problem' });
  expect(finding?.remedy).toContain('pool_mode = transaction');
});

test('more connections than it takes clients are a problem', async () => {
  await using pooler = await startPgBouncer(inject('postgresUrl'), {
    settings: { max_client_conn: 20 },
  });
  const problems = (await examinePostgres(pooler.url, 21)).filter(
    ({ level }) => level === 'problem',
  );
  expect(problems).toEqual([
    expect.objectContaining({ what: expect.stringContaining('max_client_conn') }),
  ]);
});

test('a setting in the URL that PgBouncer refuses is a finding with what to set', async () => {
  await using pooler = await startPgBouncer(inject('postgresUrl'));
  const [finding] = await examinePostgres(`${pooler.url}?statement_timeout=1000`, 10);
  expect(finding).toMatchObject({ level: 'problem' });
  expect(finding?.what).toContain('refuses the setting statement_timeout');
  expect(finding?.remedy).toContain('ignore_startup_parameters');
});

test('a pooler that may open more connections than its server allows is a problem', async () => {
  await using pooler = await startPgBouncer(inject('postgresUrl'), { defaultPoolSize: 20_000 });
  const findings = await examinePostgres(pooler.url, 10_000);
  expect(findings).toContainEqual(
    expect.objectContaining({
      level: 'problem',
      what: expect.stringContaining('The pooler may open 10000 connections, max_connections'),
      remedy: expect.stringContaining('default_pool_size'),
    }),
  );
});

test('a pooler whose reserve takes it over what its server allows is a problem, and the remedy names both settings', async () => {
  const limit = 9_000;
  await using pooler = await startPgBouncer(inject('postgresUrl'), {
    defaultPoolSize: 5,
    settings: { reserve_pool_size: limit },
  });
  expect(await examinePostgres(pooler.url, 5)).not.toContainEqual(
    expect.objectContaining({ level: 'problem' }),
  );
  expect(await examinePostgres(pooler.url, 10_000)).toContainEqual(
    expect.objectContaining({
      level: 'problem',
      what: expect.stringContaining(
        `The pooler may open ${limit + 5} connections, max_connections`,
      ),
      remedy: expect.stringContaining(
        'set default_pool_size and reserve_pool_size below the limit',
      ),
    }),
  );
});

test('in session mode the reserve counts among the servers, and what a database or a user may have in all bounds them', async () => {
  const session = async (settings: Record<string, number>, wanted: number) => {
    await using pooler = await startPgBouncer(inject('postgresUrl'), {
      ...{ poolMode: 'session', defaultPoolSize: 5, settings },
    });
    // Awaited here: the pooler is ended when this function ends.
    return await examinePostgres(pooler.url, wanted);
  };
  const reserve = { reserve_pool_size: 3 };
  expect(await session(reserve, 8)).toContainEqual({
    level: 'ok',
    what: expect.stringContaining(
      'opens 8 servers (default_pool_size and reserve_pool_size), 3 of them only for clients that have waited',
    ),
  });
  for (const [settings, most, setting] of [
    [reserve, 8, 'default_pool_size and reserve_pool_size'],
    [{ ...reserve, max_db_connections: 7 }, 7, 'max_db_connections'],
    [{ ...reserve, max_user_connections: 6 }, 6, 'max_user_connections'],
  ] as const)
    expect(await session(settings, most + 1)).toContainEqual(
      expect.objectContaining({
        level: 'problem',
        what: expect.stringContaining(`has ${most} servers for them (${setting})`),
        remedy: expect.stringContaining(`raise ${setting}`),
      }),
    );
});

const bounds = { poolSize: 20, reserve: 0, perDatabase: 0, perUser: 0 };

test.each([
  [{}, 20, 'default_pool_size'],
  [{ reserve: 5 }, 25, 'default_pool_size and reserve_pool_size'],
  [{ perDatabase: 30 }, 20, 'default_pool_size'],
  [{ perDatabase: 10, perUser: 12 }, 10, 'max_db_connections'],
  [{ perDatabase: 10, perUser: 8 }, 8, 'max_user_connections'],
  [{ poolSize: 0, reserve: 5 }, 0, 'default_pool_size'],
  [{ poolSize: 0, perUser: 8 }, 8, 'max_user_connections'],
])('serverBound() with %j is %d by %s', (settings, most, setting) => {
  expect(serverBound({ ...bounds, ...settings })).toEqual({ most, setting });
});
