import { describe, expect, test } from 'vitest';
import { isMadeUp, judgeClaim, judgePooler, NAME_KEPT } from './_pg_pooler_policy.ts';

const DIRECT = { told: 4242, backend: 4242 };
const BEHIND = { told: 1_249_350_763, backend: 4242 };

test.each([
  [1, false],
  [4_194_304, false],
  [4_194_305, true],
  [-2_142_846_624, true],
  [0, true],
])('isMadeUp(%d) is %s: Linux numbers its processes up to 2^22', (pid, madeUp) => {
  expect(isMadeUp(pid)).toBe(madeUp);
});

describe('judgePooler()', () => {
  test('presumes nothing in between while nobody was asked, and allows nothing that would need to know', () => {
    for (const evidence of [{}, { told: 4242, host: 'db.example' }]) {
      expect(judgePooler(evidence)).toMatchObject({
        name: 'none',
        settled: false,
        pipelining: false,
        namedStatements: false,
        sessionState: true,
      });
    }
  });

  test('finds nothing in between where the client was told its own backend', () => {
    expect(judgePooler(DIRECT)).toMatchObject({
      name: 'none',
      settled: true,
      pipelining: true,
      namedStatements: true,
      backendPids: true,
      reasons: [],
    });
  });

  test('takes a server without process ids for no pooler, and asks it nothing by process id', () => {
    expect(judgePooler({ told: 1_249_350_763, backend: -1 })).toMatchObject({
      name: 'none',
      settled: true,
      backendPids: false,
    });
  });

  test('says that something is there by a made-up process id alone, before anybody is asked', () => {
    expect(judgePooler({ told: -7 })).toMatchObject({
      name: 'unknown',
      settled: false,
      pipelining: false,
      namedStatements: false,
      sessionState: false,
      backendPids: false,
    });
  });

  test.each([
    ['PGBOUNCER_1', 'pgbouncer', true],
    ['PGCAT_1', 'pgcat', false],
    ['__pgdog_1', 'pgdog', false],
    ['odyssey_pstmt_1', 'odyssey', false],
    ['supavisor_1_ab', 'supavisor', false],
    ['renamed_by_something', 'unknown', false],
  ])(
    'a statement called %s on the server is kept by %s, and pipelining is %s',
    (statementName, name, pipelining) => {
      const closer = { statementName, sharesBackends: true };
      expect(judgePooler({ ...BEHIND, closer })).toMatchObject({
        name,
        mode: 'transaction',
        namedStatements: true,
        pipelining,
        sessionState: false,
      });
    },
  );

  test.each([
    [{ sharesBackends: true }, 'transaction', false, false],
    [{ sharesBackends: false }, 'session', true, true],
    [{ refusesTransactions: true }, 'statement', false, false],
  ])('of a look that saw %j the mode is %s', (seen, mode, sessionState, namedStatements) => {
    const closer = { statementName: NAME_KEPT, ...seen };
    const verdict = judgePooler({ ...BEHIND, closer });
    expect(verdict.mode).toBe(mode);
    expect(verdict).toMatchObject({ name: 'unknown', sessionState, namedStatements });
    // Not even with one backend for each client: the next one may be given what was due to a lost one.
    expect(verdict.pipelining).toBe(false);
  });

  test('a look that came to no end settles nothing, and allows nothing', () => {
    for (const closer of [{}, { statementName: 'PGBOUNCER_1' }]) {
      expect(judgePooler({ ...BEHIND, closer })).toMatchObject({
        settled: false,
        pipelining: false,
        sessionState: false,
      });
    }
  });

  test("PgBouncer's own words tell it from others with made-up process ids, but not whether it may be pipelined", () => {
    const closer = { statementName: NAME_KEPT, sharesBackends: true, speaksAsPgBouncer: true };
    expect(judgePooler({ ...BEHIND, closer })).toMatchObject({
      name: 'pgbouncer',
      mode: 'transaction',
      pipelining: false,
      namedStatements: false,
    });
  });

  test('Supavisor is known by the tenant in the name that logs in, and is not pipelined', () => {
    const closer = { statementName: NAME_KEPT, sessionUser: 'postgres', sharesBackends: true };
    const verdict = judgePooler({ told: 17, backend: 4242, user: 'postgres.abcdef', closer });
    expect(verdict).toMatchObject({ name: 'supavisor', mode: 'transaction', pipelining: false });
    expect(verdict.reasons.join(' ')).toContain('porsager/postgres#970');
    const session = { ...closer, sharesBackends: false };
    expect(
      judgePooler({ told: 17, backend: 4242, user: 'postgres.abcdef', closer: session }),
    ).toMatchObject({
      name: 'supavisor',
      mode: 'session',
      pipelining: false,
    });
  });

  test.each([
    ['aws-0-eu-central-1.pooler.supabase.com', 6543, 'supavisor', 'transaction'],
    ['aws-0-eu-central-1.pooler.supabase.com', 5432, 'supavisor', 'session'],
    ['db.abcdefghijkl.supabase.co', 6543, 'pgbouncer', 'transaction'],
    ['db.abcdefghijkl.supabase.co', 5432, 'none', undefined],
    ['shop.proxy-abcdefghijkl.us-east-1.rds.amazonaws.com', 5432, 'rds-proxy', 'transaction'],
    ['shop.abcdefghijkl.us-east-1.rds.amazonaws.com', 5432, 'none', undefined],
    ['ep-cool-darkness-123456-pooler.us-east-2.aws.neon.tech', 5432, 'pgbouncer', 'transaction'],
    ['ep-cool-darkness-123456.us-east-2.aws.neon.tech', 5432, 'none', undefined],
    ['shop.postgres.database.azure.com', 6432, 'pgbouncer', undefined],
  ])(
    "knows %s:%d for %s in %s mode, also where the process id is the backend's",
    (host, port, name, mode) => {
      const verdict = judgePooler({ ...DIRECT, host, port });
      expect(verdict.name).toBe(name);
      expect(verdict.mode).toBe(mode);
      expect(verdict.backendPids).toBe(name === 'none');
    },
  );

  test('what two connections saw counts more than what an address promises', () => {
    const host = 'aws-0-eu-central-1.pooler.supabase.com';
    const closer = { statementName: NAME_KEPT, sharesBackends: true };
    expect(judgePooler({ ...BEHIND, host, port: 5432, closer }).mode).toBe('transaction');
  });
});

describe('judgeClaim()', () => {
  test.each([
    [{ mode: 'session' }, false, true],
    [{ mode: 'session', pipelining: true }, true, true],
    [{ mode: 'transaction' }, false, false],
    [{ mode: 'statement' }, false, false],
    [{ mode: 'transaction', name: 'pgbouncer' }, false, false],
    [{ mode: 'transaction', name: 'pgbouncer', namedStatements: true }, true, true],
    [{ mode: 'transaction', name: 'supavisor' }, false, false],
    [{ mode: 'transaction', name: 'supavisor', pipelining: true }, true, false],
    [{ mode: 'transaction', namedStatements: true }, false, true],
    [{ mode: 'session', pipelining: false, namedStatements: false }, false, false],
  ] as const)('of %j allows pipelining: %s, names: %s', (claim, pipelining, namedStatements) => {
    expect(judgeClaim(claim)).toMatchObject({
      settled: true,
      pipelining,
      namedStatements,
      sessionState: claim.mode === 'session',
      backendPids: false,
    });
  });
});
