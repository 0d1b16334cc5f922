/** Writes and transactions while the primary goes away, or takes no writes any more, on real servers. */
import { EventEmitter, once } from 'node:events';
import { ask } from '@fynlo/services/ask';
import { startFaultProxy } from '@fynlo/services/fault-proxy';
import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import { caught, delay, until } from './_pg_conformance.ts';
import { NOTHING_IS_SLOW } from './_pg_lanes_fixture.ts';
import { changesOf, type PgPair, pairForFile, portOf } from './_pg_pair_fixture.ts';
import { ConnectionLostError } from './errors.ts';
import { NoSuitableHostError } from './pg_errors.ts';

let pair: PgPair;
pairForFile((started) => {
  pair = started;
});

describe('F30 a failover', () => {
  test.each([
    ['connections of their own', undefined],
    ['lanes', { ...NOTHING_IS_SLOW, maxLanes: 2, depth: 1, lingerMs: 60_000 }],
  ])(
    'writes over %s go on with the new primary within 5 s; nobody gets the old one, and nothing is lost',
    async (_, pipelining) => {
      const pool = pair.make({ targetSessionAttrs: 'read-write', pipelining });
      const written: string[] = [];
      const refused: (string | undefined)[] = [];
      let promotedAt = Number.POSITIVE_INFINITY;
      let firstAfter = Number.POSITIVE_INFINITY;
      let stop = false;
      const write = async (writer: number): Promise<void> => {
        for (let n = 0; !stop; n++) {
          const note = `f30-${written.length}-${writer}-${n}`;
          try {
            await pool.query('insert into ledger (note) values ($1)', [note]);
            written.push(note);
            if (performance.now() > promotedAt) {
              firstAfter = Math.min(firstAfter, performance.now());
            }
          } catch (error) {
            refused.push((error as { code?: string }).code);
          }
          await delay(5);
        }
      };
      const writers = Array.from({ length: 5 }, (_, writer) => write(writer));
      await until('writes', () => written.length > 20);
      await pair.primary.shutdown('fast');
      await pair.promote();
      promotedAt = performance.now();
      await pair.changePlaces();
      await until('writes again', () => firstAfter < Number.POSITIVE_INFINITY);
      await delay(200);
      stop = true;
      await Promise.all(writers);
      // The busy machine has its part in it; the pool's own is some 100 ms.
      expect(firstAfter - promotedAt).toBeLessThan(5_000);
      expect(refused.filter((code) => code === '25006')).toEqual([]);
      expect(await portOf(pool)).toBe(pair.primary.port);
      const { rows } = await pool.query(`select note from ledger where note like 'f30-%'`);
      const there = new Set(rows.map(({ note }) => note));
      expect(written.filter((note) => !there.has(note))).toEqual([]);
      const lanes = pool.stats().lanes?.changes.map(({ reason }) => reason);
      if (pipelining !== undefined) expect(lanes).toContain('lost');
    },
  );

  test('a primary that stays up and refuses writes costs each lent client one 25006 at most, and gets no new lease', async () => {
    const pool = pair.make({ targetSessionAttrs: 'read-write', max: 4 });
    const changes = changesOf(pool);
    const clients = await Promise.all(Array.from({ length: 4 }, () => pool.connect()));
    await pair.fence();
    try {
      const insert = `insert into ledger (note) values ('fenced')`;
      await until('fenced', async () => {
        const first = await clients[0]?.query(insert).catch((error) => error);
        return first.code === '25006';
      });
      for (const client of clients.slice(1)) {
        expect((await caught(client.query(insert))).code).toBe('25006');
      }
      for (const client of clients) client.release();
      expect(pool.totalCount).toBe(0);
      expect(changes).toMatchObject([{ what: 'refuses-writes', connections: 4 }]);
      const error = await caught(pool.getConnection({ timeoutMs: 700 }));
      const cause = error['cause'] as NoSuitableHostError;
      expect(cause).toBeInstanceOf(NoSuitableHostError);
      const reasons = Object.fromEntries(cause.attempts.map(({ port, reason }) => [port, reason]));
      expect(reasons).toEqual({
        [pair.primary.port]: 'reads only by default (default_transaction_read_only)',
        [pair.standby.port]: 'is a hot standby',
      });
    } finally {
      await pair.unfence();
    }
    await pool.query(`insert into ledger (note) values ('again')`);
    expect(pool.explain()).toMatch(/127\.0\.0\.1:\d+: a primary, 1 connections/);
  });

  test('of all that is in flight on lanes to such a primary one is told 25006 for each lane at most, and the rest is executed once', async () => {
    const pool = pair.make({
      targetSessionAttrs: 'read-write',
      pipelining: { ...NOTHING_IS_SLOW, maxLanes: 2, depth: 1, lingerMs: 60_000 },
    });
    const changes = changesOf(pool);
    const lanes = () => pool.stats().lanes;
    await Promise.all(Array.from({ length: 8 }, () => pool.query('select pg_sleep(0.01)')));
    await until('there are two', () => lanes()?.lanes === 2);
    const heads = [1, 2].map(() => pool.query('select pg_sleep(3)'));
    const mark = `lane-${Date.now()}`;
    const codes: string[] = [];
    const insert = 'insert into ledger (note) values ($1)';
    const asked = Array.from({ length: 12 }, (_, n) =>
      pool.query(insert, [`${mark}-${n}`]).then(
        () => codes.push('done'),
        (error) => codes.push(String(error.code)),
      ),
    );
    expect(lanes()).toMatchObject({ inFlight: 14, queued: 0 });
    try {
      await pair.fence();
      await Promise.all(heads);
      await until('the lanes have left', () => lanes()?.inFlight === 0);
      expect(changes).toMatchObject([{ what: 'refuses-writes' }]);
    } finally {
      await pair.unfence();
    }
    await Promise.all(asked);
    const told = codes.filter((code) => code !== 'done');
    // None, where the server has reported it before the first of them.
    expect(told.filter((code) => code !== '25006')).toEqual([]);
    expect(told.length).toBeLessThanOrEqual(2);
    const { rows } = await pool.query(
      `select note, count(*)::int as n from ledger where note like '${mark}-%' group by note`,
    );
    expect(rows).toHaveLength(12 - told.length);
    expect(rows.filter(({ n }) => n !== 1)).toEqual([]);
  });

  test('25006 in a read-only transaction of a user is no event', async () => {
    const pool = pair.make({ targetSessionAttrs: 'read-write' });
    const changes = changesOf(pool);
    const error = pool.transaction((client) => client.query(`insert into ledger values (0)`), {
      readOnly: true,
    });
    expect((await caught(error)).code).toBe('25006');
    await pool.query('select 1');
    await delay(300);
    expect(changes).toEqual([]);
    expect(pool.stats().destroyed.outdated).toBeUndefined();
  });
});

test('F34 a switchover under open transactions: maybeExecuted is true only where the COMMIT was under way', async () => {
  const pool = pair.make({ targetSessionAttrs: 'read-write', max: 8 });
  const outcomes = new Map<string, 'committed' | 'maybe' | 'no'>();
  const mark = `f34-${Date.now()}`;
  let stop = false;
  const transact = async (writer: number): Promise<void> => {
    for (let n = 0; !stop; n++) {
      const note = `${mark}-${writer}-${n}`;
      try {
        await pool.transaction(async (client) => {
          await client.query('insert into ledger (note) values ($1)', [note]);
          // One is nearly always between its statements, whatever the others are at.
          await delay(writer === 0 ? 300 : n % 4);
        });
        outcomes.set(note, 'committed');
      } catch (error) {
        const maybe = error instanceof ConnectionLostError && error.maybeExecuted;
        outcomes.set(note, maybe ? 'maybe' : 'no');
      }
    }
  };
  const writers = Array.from({ length: 8 }, (_, writer) => transact(writer));
  await until('transactions', () => outcomes.size > 50);
  // Sessions are ended where they stand; what was acknowledged reaches the standby before the primary is down.
  await pair.primary.shutdown('fast');
  const before = outcomes.size;
  await pair.promote();
  await pair.changePlaces();
  await until('transactions again', () => outcomes.size > before + 20);
  stop = true;
  await Promise.all(writers);
  const { rows } = await pool.query(`select note from ledger where note like '${mark}-%'`);
  const there = new Set(rows.map(({ note }) => note));
  const wrong = [...outcomes].filter(([note, outcome]) =>
    outcome === 'committed' ? !there.has(note) : outcome === 'no' && there.has(note),
  );
  expect(wrong).toEqual([]);
  expect([...outcomes.values()]).toContain('no');
  await pair.caughtUp();
});

test('F34 of transactions that a switchover ends, maybeExecuted is true of the one whose COMMIT was under way, which was executed', async () => {
  const proxy = await startFaultProxy(pair.primary);
  try {
    const pool = pair.make({
      hosts: [proxy, pair.standby].map(({ host, port }) => ({ host, port })),
      targetSessionAttrs: 'read-write',
      max: 3,
      silenceTimeoutMs: 60_000,
    });
    const mark = `f34 ${Date.now()}`;
    const gates = new EventEmitter();
    const insert = 'insert into ledger (note) values ($1)';
    let open = 0;
    const transact = (note: string, then: (client: pg.PoolClient) => Promise<unknown>) =>
      pool.transaction(async (client) => {
        await client.query(insert, [note]);
        open++;
        await then(client);
      });
    const committing = caught(transact(`${mark} committing`, () => once(gates, 'commit')));
    const executing = caught(
      transact(`${mark} executing`, (client) => client.query('select pg_sleep(60)')),
    );
    const thinking = caught(
      transact(`${mark} thinking`, async (client) => {
        await once(gates, 'go on');
        await client.query(insert, [`${mark} never sent`]);
      }),
    );
    await until('they are open', () => open === 3);
    const waiting = transact(`${mark} waiting`, () => Promise.resolve());
    waiting.catch(() => undefined);
    // What the server answers from now on is lost.
    proxy.set('blackhole-to-client', { fresh: false });
    gates.emit('commit');
    await until('it is committed', async () =>
      Boolean(
        await ask<unknown>(
          pair.primary.url,
          `select 1 from ledger where note = '${mark} committing'`,
        ),
      ),
    );
    await pair.primary.shutdown('fast');
    proxy.cutAll('reset');
    const maybe = await committing;
    expect(maybe).toBeInstanceOf(ConnectionLostError);
    expect(maybe['maybeExecuted']).toBe(true);
    gates.emit('go on');
    for (const error of [await executing, await thinking]) {
      expect(error['maybeExecuted'] ?? false).toBe(false);
    }
    await pair.promote();
    await pair.changePlaces();
    await waiting;
    const { rows } = await pool.query(
      `select note from ledger where note like '${mark} %' order by note`,
    );
    expect(rows.map(({ note }) => note)).toEqual([`${mark} committing`, `${mark} waiting`]);
    await pair.caughtUp();
  } finally {
    await pair.endPools();
    await proxy.close();
  }
});

// The last one: a primary that went down without a word cannot follow its standby without being rebuilt.
test('F30 a primary that is killed: those who wait write on the new one within 5 s of its promotion', async () => {
  const pool = pair.make({ targetSessionAttrs: 'read-write' });
  await pool.query(`insert into ledger (note) values ('before the crash')`);
  await pair.caughtUp();
  await pair.primary.kill();
  // Its processes outlive it by a moment, and what is said to one of them is lost with it.
  await until('the pool has seen it', () => pool.totalCount === 0);
  const waiting = pool.query(`insert into ledger (note) values ('after the crash')`);
  await until('down', () => pool.state === 'down');
  await pair.promote();
  const promotedAt = performance.now();
  await waiting;
  expect(performance.now() - promotedAt).toBeLessThan(5_000);
  expect(await portOf(pool)).toBe(pair.standby.port);
});
