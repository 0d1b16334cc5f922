/** Which of a primary and its standby a pool takes, and what it does when they change places, on real servers. */
import { startFaultProxy } from '@fynlo/services/fault-proxy';
import { describe, expect, test } from 'vitest';
import { caught, until } from './_pg_conformance.ts';
import { changesOf, type PgPair, pairForFile, portOf } from './_pg_pair_fixture.ts';

let pair: PgPair;
pairForFile((started) => {
  pair = started;
});

describe('targetSessionAttrs', () => {
  test.each([
    ['read-write', 'primary'],
    ['primary', 'primary'],
    ['read-only', 'standby'],
    ['standby', 'standby'],
    ['prefer-standby', 'standby'],
  ] as const)('%s is the %s, wherever on the list it is', async (attrs, role) => {
    const wanted = role === 'primary' ? pair.primary : pair.standby;
    for (const hosts of [
      [pair.one, pair.two],
      [pair.two, pair.one],
    ]) {
      const pool = pair.make({
        targetSessionAttrs: attrs,
        hosts: hosts.map(({ host, port }) => ({ host, port })),
      });
      expect(await portOf(pool)).toBe(wanted.port);
      expect(pool.totalCount).toBe(1);
    }
  });

  test('any is the first', async () => {
    expect(await portOf(pair.make({ targetSessionAttrs: 'any' }))).toBe(pair.one.port);
  });

  test('is judged by what the server reports: no statement is sent for it', async () => {
    const pool = pair.make({ targetSessionAttrs: 'standby', application_name: 'unasked' });
    const client = await pool.connect();
    // Whatever the session has run before this would be its last query.
    const { rows } = await client.query(
      `select query from pg_stat_activity where pid = pg_backend_pid()`,
    );
    expect(rows[0].query).toContain('pg_stat_activity');
    const other = await pool.connect();
    const seen = await client.query(
      `select query from pg_stat_activity where application_name = 'unasked' and pid <> pg_backend_pid()`,
    );
    expect(seen.rows).toEqual([{ query: '' }]);
    client.release();
    other.release();
  });

  test('prefer-standby takes the primary where there is no standby, and the one login it needs for it', async () => {
    const pool = pair.make({
      targetSessionAttrs: 'prefer-standby',
      hosts: [{ host: pair.primary.host, port: pair.primary.port }],
    });
    expect(await portOf(pool)).toBe(pair.primary.port);
    expect(pool.stats()).toMatchObject({ created: 1, createFailures: 0 });
  });
});

describe('F31 a name that still leads to the old primary', () => {
  test.each([['read-write' as const], [undefined]])(
    'targetSessionAttrs %s: the old primary is not lent as a standby; writes go on once the name has changed',
    async (attrs) => {
      // Two addresses, one port: to the pool both servers are the same name.
      const first = await startFaultProxy(pair.primary);
      const second = await startFaultProxy(pair.standby, { host: '127.0.0.2', port: first.port });
      try {
        let leadsTo = first.host;
        const pool = pair.make({
          hosts: undefined,
          host: 'db.test',
          port: first.port,
          targetSessionAttrs: attrs,
          lookup: (_name, _options, answer) =>
            setImmediate(() => answer(null, [{ address: leadsTo, family: 4 }])),
        });
        const changes = changesOf(pool);
        await pool.query(`insert into ledger (note) values ('before')`);
        await pair.switchOver();
        // The name is stale: nothing is lent, rather than a server that reads only.
        const stale = await caught(pool.getConnection({ timeoutMs: 1_000 }));
        expect(String((stale['cause'] as Error).message)).toContain('is a hot standby');
        expect(changes.map(({ what }) => what)).toContain('demoted');
        const waiting = pool.query(`insert into ledger (note) values ('after') returning note`);
        leadsTo = second.host;
        expect((await waiting).rows).toEqual([{ note: 'after' }]);
      } finally {
        await pair.endPools();
        await Promise.all([first.close(), second.close()]);
      }
    },
  );

  test('targetSessionAttrs any: whoever wants any server gets it', async () => {
    const pool = pair.make({
      hosts: [{ host: pair.primary.host, port: pair.primary.port }],
      targetSessionAttrs: 'any',
    });
    const { port } = pair.primary;
    await pool.query('select 1');
    await pair.switchOver();
    expect(await portOf(pool)).toBe(port);
  });
});

describe('a standby that is promoted', () => {
  test('loses the connections of those who want a standby: told by the server with the next answer', async () => {
    const pool = pair.make({ targetSessionAttrs: 'standby', serverCheckIntervalMs: 0 });
    const changes = changesOf(pool);
    const client = await pool.connect();
    await client.query('select 1');
    await pair.switchOver();
    await client.query('select 1');
    expect(changes).toMatchObject([{ what: 'promoted', connections: 1 }]);
    client.release();
    await until('closed', () => pool.stats().destroyed.outdated === 1);
    expect(await portOf(pool)).toBe(pair.standby.port);
  });

  test('is found by the look in the background where its connections are idle', async () => {
    const pool = pair.make({ targetSessionAttrs: 'prefer-standby', serverCheckIntervalMs: 100 });
    const changes = changesOf(pool);
    expect(await portOf(pool)).toBe(pair.standby.port);
    await pair.switchOver();
    await until('found', () => changes.some(({ what }) => what === 'promoted'));
    await until('moved', async () => (await portOf(pool)) === pair.standby.port);
  });
});

test('prefer-standby goes back to a standby that has returned', async () => {
  const { port } = pair.standby;
  await pair.standby.shutdown('fast');
  const pool = pair.make({ targetSessionAttrs: 'prefer-standby', serverCheckIntervalMs: 100 });
  const changes = changesOf(pool);
  expect(await portOf(pool)).toBe(pair.primary.port);
  await pair.standby.restart();
  await until('available', () => changes.some(({ what }) => what === 'standby-available'), 20_000);
  await until('moved', async () => (await portOf(pool)) === port);
});
