import { startPgBouncer } from '@fynlo/services/pgbouncer';
import { expect, inject, test } from 'vitest';
import { detectPooler, poolerFindings } from './examine_pooler.ts';
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
