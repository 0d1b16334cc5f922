/** A primary and its standby that change places, on real servers. */
import { EventEmitter, once } from 'node:events';
import { startFaultProxy } from '@fynlo/services/fault-proxy';
import { type RunningPostgres, startPostgres } from '@fynlo/services/postgres';
import { type RunningStandby, startStandby } from '@fynlo/services/standby';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { caught, delay, until } from './_pg_conformance.ts';
import { NOTHING_IS_SLOW } from './_pg_lanes_fixture.ts';
import type { ServerChange } from './contract.ts';
import { ConnectionLostError } from './errors.ts';
import { NoSuitableHostError, ReplicaBehindError } from './pg_errors.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

let one: RunningPostgres;
let two: RunningStandby;
/** Whose turn it is. */
let primary: RunningPostgres;
let standby: RunningPostgres;
const pools: Pool[] = [];

beforeAll(async () => {
  one = await startPostgres({ external: false, replication: true, auth: 'trust' });
  two = await startStandby({ of: one });
  [primary, standby] = [one, two];
  await ask(primary, 'create table ledger (id serial primary key, note text)');
});

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.end({ graceMs: 0 })));
});

afterAll(async () => {
  await Promise.all([two?.stop(), one?.stop()]);
});

function make(options: PoolOptions): Pool {
  const pool = new Pool({
    hosts: [one, two].map(({ host, port }) => ({ host, port })),
    user: 'postgres',
    database: 'postgres',
    connectionTimeoutMillis: 15_000,
    max: 5,
    ...options,
  });
  pools.push(pool);
  return pool;
}

async function ask(server: RunningPostgres, statement: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: server.url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query({ text: statement, rowMode: 'array' });
    return rows[0]?.[0];
  } finally {
    await client.end();
  }
}

async function portOf(pool: Pool): Promise<number> {
  return Number((await pool.query('show port')).rows[0].port);
}

/** An orderly switchover: nothing that was committed is lost. */
async function switchOver(): Promise<void> {
  await primary.shutdown('fast');
  await ask(standby, 'select pg_promote(true, 60)');
  await primary.follow(standby);
  [primary, standby] = [standby, primary];
  await caughtUp();
}

/** The primary stays up and takes no writes. */
async function fence(): Promise<void> {
  await ask(primary, 'alter system set default_transaction_read_only = on');
  await ask(primary, 'select pg_reload_conf()');
}

async function unfence(): Promise<void> {
  const repair = new pg.Client({ connectionString: primary.url });
  await repair.connect();
  await repair.query('set default_transaction_read_only = off');
  await repair.query('alter system reset default_transaction_read_only');
  await repair.query('select pg_reload_conf()');
  await repair.end();
}

async function caughtUp(): Promise<void> {
  const written = await ask(primary, 'select pg_current_wal_flush_lsn()');
  await until('the standby has caught up', async () =>
    Boolean(
      await ask(standby, `select pg_last_wal_replay_lsn() >= '${written}'`).catch(() => false),
    ),
  );
}

function changesOf(pool: Pool): ServerChange[] {
  const changes: ServerChange[] = [];
  pool.observe({ serverChanged: (event) => changes.push(event) });
  return changes;
}

describe('targetSessionAttrs', () => {
  test.each([
    ['read-write', 'primary'],
    ['primary', 'primary'],
    ['read-only', 'standby'],
    ['standby', 'standby'],
    ['prefer-standby', 'standby'],
  ] as const)('%s is the %s, wherever on the list it is', async (attrs, role) => {
    const wanted = role === 'primary' ? primary : standby;
    for (const hosts of [
      [one, two],
      [two, one],
    ]) {
      const pool = make({
        targetSessionAttrs: attrs,
        hosts: hosts.map(({ host, port }) => ({ host, port })),
      });
      expect(await portOf(pool)).toBe(wanted.port);
      expect(pool.totalCount).toBe(1);
    }
  });

  test('any is the first', async () => {
    expect(await portOf(make({ targetSessionAttrs: 'any' }))).toBe(one.port);
  });

  test('is judged by what the server reports: no statement is sent for it', async () => {
    const pool = make({ targetSessionAttrs: 'standby', application_name: 'unasked' });
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
    const pool = make({
      targetSessionAttrs: 'prefer-standby',
      hosts: [{ host: primary.host, port: primary.port }],
    });
    expect(await portOf(pool)).toBe(primary.port);
    expect(pool.stats()).toMatchObject({ created: 1, createFailures: 0 });
  });
});

describe('F30 a failover', () => {
  test.each([
    ['connections of their own', undefined],
    ['lanes', { ...NOTHING_IS_SLOW, maxLanes: 2, depth: 1, lingerMs: 60_000 }],
  ])(
    'writes over %s go on with the new primary within 5 s; nobody gets the old one, and nothing is lost',
    async (_, pipelining) => {
      const pool = make({ targetSessionAttrs: 'read-write', pipelining });
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
      await primary.shutdown('fast');
      await ask(standby, 'select pg_promote(true, 60)');
      promotedAt = performance.now();
      await primary.follow(standby);
      [primary, standby] = [standby, primary];
      await until('writes again', () => firstAfter < Number.POSITIVE_INFINITY);
      await delay(200);
      stop = true;
      await Promise.all(writers);
      // The busy machine has its part in it; the pool's own is some 100 ms.
      expect(firstAfter - promotedAt).toBeLessThan(5_000);
      expect(refused.filter((code) => code === '25006')).toEqual([]);
      expect(await portOf(pool)).toBe(primary.port);
      const { rows } = await pool.query(`select note from ledger where note like 'f30-%'`);
      const there = new Set(rows.map(({ note }) => note));
      expect(written.filter((note) => !there.has(note))).toEqual([]);
      const lanes = pool.stats().lanes?.changes.map(({ reason }) => reason);
      if (pipelining !== undefined) expect(lanes).toContain('lost');
    },
  );

  test('a primary that stays up and refuses writes costs each lent client one 25006 at most, and gets no new lease', async () => {
    const pool = make({ targetSessionAttrs: 'read-write', max: 4 });
    const changes = changesOf(pool);
    const clients = await Promise.all(Array.from({ length: 4 }, () => pool.connect()));
    await fence();
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
        [primary.port]: 'reads only by default (default_transaction_read_only)',
        [standby.port]: 'is a hot standby',
      });
    } finally {
      await unfence();
    }
    await pool.query(`insert into ledger (note) values ('again')`);
    expect(pool.explain()).toMatch(/127\.0\.0\.1:\d+: a primary, 1 connections/);
  });

  test('of all that is in flight on lanes to such a primary one is told 25006 for each lane at most, and the rest is executed once', async () => {
    const pool = make({
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
      await fence();
      await Promise.all(heads);
      await until('the lanes have left', () => lanes()?.inFlight === 0);
      expect(changes).toMatchObject([{ what: 'refuses-writes' }]);
    } finally {
      await unfence();
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
    const pool = make({ targetSessionAttrs: 'read-write' });
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

describe('F31 a name that still leads to the old primary', () => {
  test.each([['read-write' as const], [undefined]])(
    'targetSessionAttrs %s: the old primary is not lent as a standby; writes go on once the name has changed',
    async (attrs) => {
      // Two addresses, one port: to the pool both servers are the same name.
      const first = await startFaultProxy(primary);
      const second = await startFaultProxy(standby, { host: '127.0.0.2', port: first.port });
      try {
        let leadsTo = first.host;
        const pool = make({
          hosts: undefined,
          host: 'db.test',
          port: first.port,
          targetSessionAttrs: attrs,
          lookup: (_name, _options, answer) =>
            setImmediate(() => answer(null, [{ address: leadsTo, family: 4 }])),
        });
        const changes = changesOf(pool);
        await pool.query(`insert into ledger (note) values ('before')`);
        await switchOver();
        // The name is stale: nothing is lent, rather than a server that reads only.
        const stale = await caught(pool.getConnection({ timeoutMs: 1_000 }));
        expect(String((stale['cause'] as Error).message)).toContain('is a hot standby');
        expect(changes.map(({ what }) => what)).toContain('demoted');
        const waiting = pool.query(`insert into ledger (note) values ('after') returning note`);
        leadsTo = second.host;
        expect((await waiting).rows).toEqual([{ note: 'after' }]);
      } finally {
        await Promise.all(pools.splice(0).map((pool) => pool.end({ graceMs: 0 })));
        await Promise.all([first.close(), second.close()]);
      }
    },
  );

  test('targetSessionAttrs any: whoever wants any server gets it', async () => {
    const pool = make({
      hosts: [{ host: primary.host, port: primary.port }],
      targetSessionAttrs: 'any',
    });
    const { port } = primary;
    await pool.query('select 1');
    await switchOver();
    expect(await portOf(pool)).toBe(port);
  });
});

describe('a standby that is promoted', () => {
  test('loses the connections of those who want a standby: told by the server with the next answer', async () => {
    const pool = make({ targetSessionAttrs: 'standby', serverCheckIntervalMs: 0 });
    const changes = changesOf(pool);
    const client = await pool.connect();
    await client.query('select 1');
    await switchOver();
    await client.query('select 1');
    expect(changes).toMatchObject([{ what: 'promoted', connections: 1 }]);
    client.release();
    await until('closed', () => pool.stats().destroyed.outdated === 1);
    expect(await portOf(pool)).toBe(standby.port);
  });

  test('is found by the look in the background where its connections are idle', async () => {
    const pool = make({ targetSessionAttrs: 'prefer-standby', serverCheckIntervalMs: 100 });
    const changes = changesOf(pool);
    expect(await portOf(pool)).toBe(standby.port);
    await switchOver();
    await until('found', () => changes.some(({ what }) => what === 'promoted'));
    await until('moved', async () => (await portOf(pool)) === standby.port);
  });
});

test('prefer-standby goes back to a standby that has returned', async () => {
  const { port } = standby;
  await standby.shutdown('fast');
  const pool = make({ targetSessionAttrs: 'prefer-standby', serverCheckIntervalMs: 100 });
  const changes = changesOf(pool);
  expect(await portOf(pool)).toBe(primary.port);
  await standby.restart();
  await until('available', () => changes.some(({ what }) => what === 'standby-available'), 20_000);
  await until('moved', async () => (await portOf(pool)) === port);
});

describe('F33 replica lag', () => {
  const pause = async (): Promise<void> => {
    await caughtUp();
    await ask(standby, 'select pg_wal_replay_pause()');
    await ask(primary, `insert into ledger (note) values ('late')`);
  };
  const resume = async (): Promise<void> => {
    await ask(standby, 'select pg_wal_replay_resume()');
    await caughtUp();
  };

  test('a standby beyond maxReplicaLagMs is left: reads go to the primary, and back', async () => {
    const pool = make({
      targetSessionAttrs: 'prefer-standby',
      maxReplicaLagMs: 300,
      serverCheckIntervalMs: 50,
    });
    const changes = changesOf(pool);
    await caughtUp();
    expect(await portOf(pool)).toBe(standby.port);
    await pause();
    try {
      await until('left', () => changes.some(({ what }) => what === 'lagging'));
      expect(await portOf(pool)).toBe(primary.port);
      const seen = await pool.query(`select count(*)::int as n from ledger where note = 'late'`);
      expect(seen.rows[0].n).toBeGreaterThan(0);
    } finally {
      await resume();
    }
    await until('back', async () => (await portOf(pool)) === standby.port);
  });

  test('a pool of standbys alone says how far behind they are', async () => {
    await pause();
    try {
      await delay(400);
      const pool = make({ targetSessionAttrs: 'standby', maxReplicaLagMs: 200 });
      const error = await caught(pool.getConnection({ timeoutMs: 500 }));
      expect(String((error['cause'] as Error).message)).toMatch(
        /is \d+ ms behind its primary \(maxReplicaLagMs 200\)/,
      );
    } finally {
      await resume();
    }
  });

  test('an idle primary makes no lag', async () => {
    await caughtUp();
    await delay(500);
    const pool = make({ targetSessionAttrs: 'standby', maxReplicaLagMs: 200 });
    expect(await portOf(pool)).toBe(standby.port);
  });

  test('read your writes: minLsn waits until the standby has replayed them', async () => {
    const writer = make({ targetSessionAttrs: 'read-write' });
    const reader = make({ targetSessionAttrs: 'standby' });
    const mark = `mine ${Date.now()}`;
    await caughtUp();
    await ask(standby, 'select pg_wal_replay_pause()');
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
    const writer = make({ targetSessionAttrs: 'read-write' });
    const minLsn = await writer.writePosition();
    expect(minLsn).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
    await writer.withConnection((client) => client.query('select 1'), { minLsn, timeoutMs: 2_000 });
    const nonsense = writer.getConnection({ minLsn: 'yesterday' });
    expect((await caught(nonsense)).code).toBe('ERR_POOL_INVALID_OPTION');
    await until('given back', () => writer.idleCount === writer.totalCount);
  });
});

test('F34 a switchover under open transactions: maybeExecuted is true only where the COMMIT was under way', async () => {
  const pool = make({ targetSessionAttrs: 'read-write', max: 8 });
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
  await primary.shutdown('fast');
  const before = outcomes.size;
  await ask(standby, 'select pg_promote(true, 60)');
  await primary.follow(standby);
  [primary, standby] = [standby, primary];
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
  await caughtUp();
});

test('F34 of transactions that a switchover ends, maybeExecuted is true of the one whose COMMIT was under way, which was executed', async () => {
  const proxy = await startFaultProxy(primary);
  try {
    const pool = make({
      hosts: [proxy, standby].map(({ host, port }) => ({ host, port })),
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
      Boolean(await ask(primary, `select 1 from ledger where note = '${mark} committing'`)),
    );
    await primary.shutdown('fast');
    proxy.cutAll('reset');
    const maybe = await committing;
    expect(maybe).toBeInstanceOf(ConnectionLostError);
    expect(maybe['maybeExecuted']).toBe(true);
    gates.emit('go on');
    for (const error of [await executing, await thinking]) {
      expect(error['maybeExecuted'] ?? false).toBe(false);
    }
    await ask(standby, 'select pg_promote(true, 60)');
    await primary.follow(standby);
    [primary, standby] = [standby, primary];
    await waiting;
    const { rows } = await pool.query(
      `select note from ledger where note like '${mark} %' order by note`,
    );
    expect(rows.map(({ note }) => note)).toEqual([`${mark} committing`, `${mark} waiting`]);
    await caughtUp();
  } finally {
    await Promise.all(pools.splice(0).map((pool) => pool.end({ graceMs: 0 })));
    await proxy.close();
  }
});

// The last one: a primary that went down without a word cannot follow its standby without being rebuilt.
test('F30 a primary that is killed: those who wait write on the new one within 5 s of its promotion', async () => {
  const pool = make({ targetSessionAttrs: 'read-write' });
  await pool.query(`insert into ledger (note) values ('before the crash')`);
  await caughtUp();
  await primary.kill();
  // Its processes outlive it by a moment, and what is said to one of them is lost with it.
  await until('the pool has seen it', () => pool.totalCount === 0);
  const waiting = pool.query(`insert into ledger (note) values ('after the crash')`);
  await until('down', () => pool.state === 'down');
  await ask(standby, 'select pg_promote(true, 60)');
  const promotedAt = performance.now();
  await waiting;
  expect(performance.now() - promotedAt).toBeLessThan(5_000);
  expect(await portOf(pool)).toBe(standby.port);
});
