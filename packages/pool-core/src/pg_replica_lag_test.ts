import { ask } from '@fynlo/services/ask';
/** Reads from a standby that is behind its primary, on real servers. */
import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import { caught, delay, until } from './_pg_conformance.ts';
import { changesOf, type PgPair, pairForFile, portOf } from './_pg_pair_fixture.ts';
import { ReplicaBehindError } from './pg_errors.ts';

let pair: PgPair;
pairForFile((started) => {
  pair = started;
});

describe('F33 replica lag', () => {
  const pause = async (): Promise<void> => {
    await pair.caughtUp();
    await ask(pair.standby.url, 'select pg_wal_replay_pause()');
    await ask(pair.primary.url, `insert into ledger (note) values ('late')`);
  };
  const resume = async (): Promise<void> => {
    await ask(pair.standby.url, 'select pg_wal_replay_resume()');
    await pair.caughtUp();
  };

  test('a standby beyond maxReplicaLagMs is left: reads go to the primary, and back', async () => {
    const pool = pair.make({
      targetSessionAttrs: 'prefer-standby',
      maxReplicaLagMs: 300,
      serverCheckIntervalMs: 50,
    });
    const changes = changesOf(pool);
    await pair.caughtUp();
    expect(await portOf(pool)).toBe(pair.standby.port);
    await pause();
    try {
      await until('left', () => changes.some(({ what }) => what === 'lagging'));
      expect(await portOf(pool)).toBe(pair.primary.port);
      const seen = await pool.query(`select count(*)::int as n from ledger where note = 'late'`);
      expect(seen.rows[0].n).toBeGreaterThan(0);
    } finally {
      await resume();
    }
    await until('back', async () => (await portOf(pool)) === pair.standby.port);
  });

  test('a pool of standbys alone says how far behind they are', async () => {
    await pause();
    try {
      await delay(400);
      const pool = pair.make({ targetSessionAttrs: 'standby', maxReplicaLagMs: 200 });
      const error = await caught(pool.getConnection({ timeoutMs: 500 }));
      expect(String((error['cause'] as Error).message)).toMatch(
        /is \d+ ms behind its primary \(maxReplicaLagMs 200\)/,
      );
    } finally {
      await resume();
    }
  });

  test('an idle primary makes no lag', async () => {
    await pair.caughtUp();
    await delay(500);
    const pool = pair.make({ targetSessionAttrs: 'standby', maxReplicaLagMs: 200 });
    expect(await portOf(pool)).toBe(pair.standby.port);
  });

  test('read your writes: minLsn waits until the standby has replayed them', async () => {
    const writer = pair.make({ targetSessionAttrs: 'read-write' });
    const reader = pair.make({ targetSessionAttrs: 'standby' });
    const mark = `mine ${Date.now()}`;
    await pair.caughtUp();
    await ask(pair.standby.url, 'select pg_wal_replay_pause()');
    let minLsn: string;
    let waiting: Promise<pg.QueryResult>;
    try {
      await writer.query('insert into ledger (note) values ($1)', [mark]);
      minLsn = await writer.writePosition();
      const late = await caught(reader.getConnection({ minLsn, timeoutMs: 200 }));
      expect(late).toBeInstanceOf(ReplicaBehindError);
      expect(late).toMatchObject({ code: 'ERR_POOL_REPLICA_BEHIND', minLsn });
      expect(reader.idleCount).toBe(1);
      const count = `select count(*)::int as n from ledger where note = '${mark}'`;
      expect((await reader.query(count)).rows).toEqual([{ n: 0 }]);
      waiting = reader.withConnection((client) => client.query(count), { minLsn });
      await delay(100);
    } finally {
      await resume();
    }
    expect((await waiting).rows).toEqual([{ n: 1 }]);
    // Known by now: no further question.
    await using lease = await reader.getConnection({ minLsn });
    const { rows } = await lease.connection.query('select 1 as one');
    expect(rows).toEqual([{ one: 1 }]);
  });

  test('a primary has what it wrote: minLsn costs no wait there', async () => {
    const writer = pair.make({ targetSessionAttrs: 'read-write' });
    const minLsn = await writer.writePosition();
    expect(minLsn).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
    await writer.withConnection((client) => client.query('select 1'), { minLsn, timeoutMs: 2_000 });
    const nonsense = writer.getConnection({ minLsn: 'yesterday' });
    expect((await caught(nonsense)).code).toBe('ERR_POOL_INVALID_OPTION');
    await until('given back', () => writer.idleCount === writer.totalCount);
  });
});
