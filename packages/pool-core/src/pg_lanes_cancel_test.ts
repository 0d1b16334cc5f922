/** Queries on lanes that end before their answers, and their neighbours, who must not notice. */
import { type FaultProxy, startFaultProxy } from '@fynlo/services/fault-proxy';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  test,
  vi,
} from 'vitest';
import type { LaneStats } from './_lane_stats.ts';
import { caught, delay, until } from './_pg_conformance.ts';
import { ONE_LANE, proxiedLanes } from './_pg_lanes_fixture.ts';
import { AcquireAbortedError } from './errors.ts';
import { QueryAbortedError } from './pg_errors.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

const pools: Pool[] = [];
function lanesPool(options: PoolOptions = {}): Pool {
  const pool = new Pool({
    connectionString: inject('postgresUrl'),
    max: 2,
    pipelining: ONE_LANE,
    ...options,
  });
  pool.on('error', () => {});
  pools.push(pool);
  return pool;
}
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool[Symbol.asyncDispose]()));
});

function lanes(pool: Pool): LaneStats {
  return pool.stats().lanes as LaneStats;
}

describe('an AbortSignal in a lane', () => {
  let pool: Pool;
  beforeEach(() => {
    pool = lanesPool();
  });

  test('stops the query that runs, and nobody else', async () => {
    await pool.query('select 1');
    const abort = new AbortController();
    const stopped = caught(pool.query({ text: 'select pg_sleep(30)', signal: abort.signal }));
    const neighbours = Promise.all([pool.query('select 1 as a'), pool.query('select 2 as a')]);
    await until('it runs', () => lanes(pool).inFlight === 3);
    await delay(30);
    abort.abort(new Error('enough'));
    const error = await stopped;
    expect(error).toBeInstanceOf(QueryAbortedError);
    expect(error).toMatchObject({ maybeExecuted: false, cause: { message: 'enough' } });
    expect((await neighbours).map(({ rows }) => rows[0].a)).toEqual([1, 2]);
    expect(pool.stats().created).toBe(1);
  });

  test('lets a query behind others go without stopping them', async () => {
    await pool.query('select 1');
    const abort = new AbortController();
    const first = pool.query("select pg_sleep(0.3), 'first' as a");
    const behind = caught(pool.query({ text: 'select 1 as b', signal: abort.signal }));
    const last = pool.query("select 'last' as a");
    await until('all are under way', () => lanes(pool).inFlight === 3);
    abort.abort();
    expect(await behind).toMatchObject({ name: 'QueryAbortedError', maybeExecuted: true });
    expect((await first).rows[0].a).toBe('first');
    expect((await last).rows[0].a).toBe('last');
    expect(lanes(pool).cancelled).toBe(0);
  });

  test('takes a query back that was not sent', async () => {
    const clients = await Promise.all([pool.connect(), pool.connect()]);
    const abort = new AbortController();
    const query = caught(pool.query({ text: 'select 1', signal: abort.signal }));
    abort.abort('no');
    expect(await query).toBeInstanceOf(AcquireAbortedError);
    expect(pool.waitingCount).toBe(0);
    for (const client of clients) client.release();
  });

  test('F74 never hits a neighbour, however close it comes', async () => {
    for (let i = 0; i < 150; i++) {
      const abort = new AbortController();
      const aborted = pool.query({ text: 'select pg_sleep(0.002)', signal: abort.signal }).then(
        () => 'done',
        ({ name, message }: Error) => (name === 'error' ? message : name),
      );
      const next = pool.query<{ n: number }>('select pg_sleep(0.001), $1::int as n', [i]);
      setTimeout(() => abort.abort(), i % 6);
      const ended = await aborted;
      const neighbour = await next.then(
        ({ rows }) => rows[0]?.n,
        (error: Error) => error,
      );
      const how = `round ${i}: it ended with ${ended}; ${JSON.stringify(lanes(pool))}`;
      expect(['done', 'QueryAbortedError', 'AcquireAbortedError'], how).toContain(ended);
      expect(neighbour, how).toBe(i);
    }
    expect(pool.stats().destroyed, pool.explain()).toEqual({});
  });

  test('query_timeout, of the pool or of one query, ends that query alone', async () => {
    await pool.query('select 1');
    const slow = caught(pool.query({ text: 'select pg_sleep(30)', query_timeout: 50 } as never));
    const neighbour = pool.query('select 1 as a');
    expect((await slow).message).toBe('Query read timeout');
    expect((await neighbour).rows).toEqual([{ a: 1 }]);
    expect(pool.stats().created).toBe(1);
    const timed = lanesPool({ query_timeout: 50, pipelining: { maxLanes: 1 } });
    const both = await Promise.allSettled([
      timed.query('select pg_sleep(30)'),
      timed.query('select 1 as a'),
    ]);
    expect(both[0]).toMatchObject({ reason: { message: 'Query read timeout' } });
    // Its own limit ran while it stood behind the other.
    expect((await timed.query('select 2 as a')).rows).toEqual([{ a: 2 }]);
    expect(timed.stats().destroyed).toEqual({});
    const client = await timed.connect();
    expect((await caught(client.query('select pg_sleep(1)'))).message).toBe('Query read timeout');
    client.release(true);
  });
});

describe('a 57014 in a lane', () => {
  let aside: Pool;
  const began = `lane_began_${process.pid}`;
  beforeAll(async () => {
    aside = new Pool({ connectionString: inject('postgresUrl'), max: 1 });
    await aside.query(`drop sequence if exists ${began}; create sequence ${began}`);
    // What a server says whose lc_messages is German.
    await aside.query(
      `create or replace function ${began}_german() returns int language plpgsql as $$
       begin
         perform nextval('${began}');
         raise exception using errcode = '57014',
           message = 'storniere Anfrage wegen Zeitüberschreitung der Anfrage';
       end $$`,
    );
  });
  afterEach(() => aside.query(`select setval('${began}', 1, false)`));
  afterAll(async () => {
    await aside.query(`drop function ${began}_german(); drop sequence ${began}`);
    await aside.end();
  });

  /** How often the neighbour was begun: a sequence is not rolled back. */
  async function begun(): Promise<number> {
    const { rows } = await aside.query(
      `select case when is_called then last_value else 0 end::int as n from ${began}`,
    );
    return rows[0].n;
  }
  const neighbourOf = (pool: Pool, seconds: number) =>
    pool.query(`select nextval('${began}') as once, pg_sleep($1), 'its own' as a`, [seconds]);

  function proxied(options: PoolOptions = {}) {
    return proxiedLanes(startFaultProxy, inject('postgresUrl'), {
      max: 2,
      pipelining: ONE_LANE,
      ...options,
    });
  }
  /** From here on, a cancel request takes its time to arrive. */
  function slowCancels(proxy: FaultProxy, delayMs: number): void {
    proxy.set('delay', { delayMs, existing: false });
  }

  test('that comes of its own statement_timeout, behind a query that was stopped, is told, and sent once', async () => {
    const pool = lanesPool({ statement_timeout: 250 });
    await pool.query('select 1');
    const abort = new AbortController();
    const stopped = caught(pool.query({ text: 'select pg_sleep(30)', signal: abort.signal }));
    const neighbour = caught(neighbourOf(pool, 30));
    const last = pool.query('select 3 as n');
    await delay(30);
    abort.abort();
    expect(await stopped).toMatchObject({ name: 'QueryAbortedError', maybeExecuted: false });
    const error = await neighbour;
    expect(error).toMatchObject({ code: '57014' });
    expect(error.message).toContain('statement timeout');
    expect((await last).rows).toEqual([{ n: 3 }]);
    expect(await begun()).toBe(1);
    expect(lanes(pool)).toMatchObject({ cancelled: 1, retried: 0, lanes: 1 });
    expect(pool.stats().destroyed).toEqual({});
  });

  test('that comes of its own statement_timeout while a cancel is under way is told, and the next, whom that hits, notices nothing', async () => {
    await using setting = await proxied({ statement_timeout: 200 });
    const { pool, proxy } = setting;
    await pool.query('select 1');
    slowCancels(proxy, 400);
    const abort = new AbortController();
    const faster = pool.query({ text: "select pg_sleep(0.1), 'done' as a", signal: abort.signal });
    const neighbour = caught(neighbourOf(pool, 30));
    const hit = Promise.all(
      Array.from({ length: 6 }, (_, i) => pool.query('select pg_sleep(0.15), $1::int as n', [i])),
    );
    await delay(20);
    abort.abort();
    // It was executed: so it says.
    expect((await faster).rows[0].a).toBe('done');
    expect((await neighbour).message).toContain('statement timeout');
    expect((await hit).map(({ rows }) => rows[0].n)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await begun()).toBe(1);
    expect(lanes(pool)).toMatchObject({ cancelled: 1, retried: 1 });
  });

  test('F74 that was meant for the one before it is not told: the query is sent again', async () => {
    await using setting = await proxied();
    const { pool, proxy } = setting;
    await pool.query('select 1');
    slowCancels(proxy, 150);
    const abort = new AbortController();
    const faster = pool.query({ text: "select pg_sleep(0.1), 'done' as a", signal: abort.signal });
    const neighbour = neighbourOf(pool, 0.8);
    await delay(20);
    abort.abort();
    expect((await faster).rows[0].a).toBe('done');
    expect((await neighbour).rows[0].a).toBe('its own');
    expect(await begun()).toBe(2);
    expect(lanes(pool)).toMatchObject({ cancelled: 1, retried: 1 });
  });

  test('in words that the pool cannot read is told after one more try, where a cancel was under way, and else at once', async () => {
    await using setting = await proxied();
    const { pool, proxy } = setting;
    await pool.query('select 1');
    const timed = () => caught(pool.query(`select ${began}_german()`));
    expect(await timed()).toMatchObject({ code: '57014' });
    expect(await begun()).toBe(1);
    slowCancels(proxy, 250);
    const abort = new AbortController();
    const faster = pool.query({ text: 'select pg_sleep(0.1)', signal: abort.signal });
    const neighbour = timed();
    await delay(20);
    abort.abort();
    await faster;
    expect((await neighbour).message).toMatch(/^storniere/);
    expect(await begun()).toBe(3);
    expect(lanes(pool)).toMatchObject({ cancelled: 1, retried: 1 });
  });

  test('of an operator who stopped a query is told', async () => {
    const pool = lanesPool();
    const { rows } = await pool.query('select pg_backend_pid() as pid');
    const stopped = caught(neighbourOf(pool, 30));
    const behind = pool.query('select 1 as n');
    await until('it runs', async () => (await begun()) === 1);
    await aside.query('select pg_cancel_backend($1)', [rows[0].pid]);
    expect(await stopped).toMatchObject({ code: '57014' });
    expect((await behind).rows).toEqual([{ n: 1 }]);
    expect(lanes(pool)).toMatchObject({ cancelled: 0, retried: 0 });
  });

  test('a cancel request that the server does not take costs the lane, and no query of it', async () => {
    await using setting = await proxied();
    const { pool, proxy } = setting;
    await pool.query('select 1');
    proxy.set('refuse', { existing: false });
    const abort = new AbortController();
    const given = caught(pool.query({ text: 'select pg_sleep(0.3)', signal: abort.signal }));
    const behind = pool.query('select 1 as n');
    await delay(20);
    abort.abort();
    expect(await given).toMatchObject({ name: 'QueryAbortedError', maybeExecuted: true });
    proxy.set('pass');
    expect((await behind).rows).toEqual([{ n: 1 }]);
    await until('the lane is gone', () => lanes(pool).lanes === 0);
    expect(lanes(pool).changes.map(({ reason }) => reason)).toEqual(['first', 'session-error']);
    expect((await pool.query('select 2 as n')).rows).toEqual([{ n: 2 }]);
    expect(pool.stats().created).toBe(2);
  });

  test('a server that takes the request and answers nothing even then costs the lane: nobody waits there for ever', async () => {
    await using setting = await proxied({ silenceTimeoutMs: 60_000 });
    const { pool, proxy } = setting;
    await pool.query('select 1');
    proxy.set('blackhole', { existing: true, fresh: false });
    const { setTimeout: real } = globalThis;
    // Seconds take an eighth.
    const sooner = vi
      .spyOn(globalThis, 'setTimeout')
      .mockImplementation(((then: () => void, ms: number) =>
        real(then, ms >= 1_000 ? ms / 8 : ms)) as typeof setTimeout);
    const abort = new AbortController();
    const given = caught(pool.query({ text: 'select 1', signal: abort.signal }));
    const behind = caught(pool.query('select 2'));
    abort.abort();
    expect(await given).toMatchObject({ name: 'QueryAbortedError', maybeExecuted: true });
    expect(await behind).toMatchObject({ code: 'ERR_POOL_CONNECTION_LOST', maybeExecuted: true });
    sooner.mockRestore();
    expect((await pool.query('select 3 as n')).rows).toEqual([{ n: 3 }]);
    // It was asked once more before.
    expect(lanes(pool).cancelled).toBe(2);
  });

  test('two queries that take too long at once are stopped one after the other', async () => {
    const pool = lanesPool();
    await pool.query('select 1');
    const begunAt = performance.now();
    const timed = () =>
      caught(pool.query({ text: 'select pg_sleep(5)', query_timeout: 60 } as never));
    const [first, second] = [timed(), timed()];
    const behind = pool.query('select 1 as n');
    for (const error of [await first, await second]) {
      expect(error.message).toBe('Query read timeout');
    }
    expect((await behind).rows).toEqual([{ n: 1 }]);
    expect(performance.now() - begunAt).toBeLessThan(4_000);
    expect(lanes(pool)).toMatchObject({ cancelled: 2, retried: 0 });
    expect(pool.stats().created).toBe(1);
  });

  test('an aborted query that nobody waits for does not keep those behind it', async () => {
    const pool = lanesPool();
    await pool.query('select 1');
    const abort = new AbortController();
    const first = pool.query('select pg_sleep(0.1)');
    const given = caught(pool.query({ text: 'select pg_sleep(30)', signal: abort.signal }));
    const behind = pool.query('select 1 as n');
    abort.abort();
    expect(await given).toMatchObject({ name: 'QueryAbortedError', maybeExecuted: true });
    await first;
    expect((await behind).rows).toEqual([{ n: 1 }]);
    expect(lanes(pool).cancelled).toBe(1);
  });
});
