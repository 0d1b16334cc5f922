import { AsyncLocalStorage } from 'node:async_hooks';
import pg from 'pg';
import { afterEach, describe, expect, inject, test } from 'vitest';
import type { LaneStats } from './_lane_stats.ts';
import { caught, delay, until } from './_pg_conformance.ts';
import { AcquireTimeoutError, InvalidOptionError } from './errors.ts';
import { PipeliningUnsupportedError } from './pg_errors.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

const pools: Pool[] = [];
function lanesPool(options: PoolOptions = {}): Pool {
  const pool = new Pool({
    connectionString: inject('postgresUrl'),
    max: 4,
    pipelining: true,
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

const BACKEND = 'select pg_backend_pid() as pid, $1::int as n';

async function pids(pool: Pool, count: number): Promise<Set<number>> {
  const results = await Promise.all(
    Array.from({ length: count }, (_, i) => pool.query<{ pid: number; n: number }>(BACKEND, [i])),
  );
  expect(results.map(({ rows }) => rows[0]?.n)).toEqual(Array.from({ length: count }, (_, i) => i));
  return new Set(results.map(({ rows }) => rows[0]?.pid as number));
}

describe('pipelining', () => {
  test('sends one-shot queries over a few connections, each answered with its own rows', async () => {
    const pool = lanesPool({ max: 10 });
    expect((await pids(pool, 200)).size).toBeLessThanOrEqual(4);
    expect(lanes(pool)).toMatchObject({ shared: 200, exclusive: 0, inFlight: 0, queued: 0 });
    expect(pool.totalCount).toBeLessThanOrEqual(4);
  });

  test('leaves a lone query a single connection, which goes back when there is nothing to do', async () => {
    const pool = lanesPool({ pipelining: { lingerMs: 20 } });
    await pool.query('select 1');
    expect(pool.connections()).toMatchObject([{ state: 'leased', label: 'pipelined lane' }]);
    await until('the lane is given back', () => lanes(pool).lanes === 0);
    expect(pool.idleCount).toBe(1);
    expect(lanes(pool).changes.map(({ reason }) => reason)).toEqual(['first', 'idle']);
    const client = await pool.connect();
    expect((client as unknown as { pipeline: boolean }).pipeline).toBe(false);
    client.release();
  });

  test('takes text, values, configs, arrays of rows, type parsers of one query, and callbacks', async () => {
    const pool = lanesPool();
    const types = { getTypeParser: () => (value: string) => `parsed ${value}` };
    const config = { text: 'select $1::int as a', values: [7] };
    const [text, array, typed, once, twice] = await Promise.all([
      pool.query('select 1 as a'),
      pool.query({ text: 'select 1 as a, 2 as b', rowMode: 'array' }),
      pool.query({ text: 'select 5 as a', types: types as never }),
      pool.query(config),
      pool.query(config),
    ]);
    expect(text.rows).toEqual([{ a: 1 }]);
    expect(array.rows).toEqual([[1, 2]]);
    expect(typed.rows).toEqual([{ a: 'parsed 5' }]);
    expect([once.rows, twice.rows]).toEqual([[{ a: 7 }], [{ a: 7 }]]);
    expect(Object.keys(config)).toEqual(['text', 'values']);
    const called = await new Promise((resolve) => {
      void pool.query('select $1::text as a', ['x'], (_error, result) => resolve(result.rows));
    });
    expect(called).toEqual([{ a: 'x' }]);
    expect(lanes(pool)).toMatchObject({ shared: 6, exclusive: 0 });
  });

  test('leaves what needs a connection of its own to one, beside the lanes', async () => {
    const pool = lanesPool({ pipelining: { lingerMs: 60_000 } });
    await pool.query('select 1');
    await pool.query("set application_name = 'mine'");
    await pool.query('begin; select 1; commit');
    await pool.query({ text: 'select generate_series(1, 3)', rows: 2 } as never);
    await pool.query("select set_config('application_name', 'other', false)");
    const submittable = await new Promise((resolve, reject) => {
      const query = new (pg as never as { Query: new (text: string) => object }).Query(
        'select 7 as n',
      );
      void pool.query(query as never, (error: Error | null, result: pg.QueryResult) =>
        error ? reject(error) : resolve(result.rows),
      );
    });
    expect(submittable).toEqual([{ n: 7 }]);
    expect(lanes(pool)).toMatchObject({ shared: 1, exclusive: 5, lanes: 1 });
    const { rows } = await pool.query("select current_setting('application_name') as name");
    expect(rows[0].name).not.toBe('other');
  });

  test('runs callbacks in the context of the call, also of a query that had to wait', async () => {
    const pool = lanesPool({ pipelining: { window: 1, maxLanes: 1 } });
    const context = new AsyncLocalStorage<number>();
    const seen = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        context.run(
          i,
          () =>
            new Promise((resolve) => {
              void pool.query('select 1', () => resolve(context.getStore()));
            }),
        ),
      ),
    );
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  test("sends each query in its caller's context, so that tracers see whose it is", async () => {
    const context = new AsyncLocalStorage<number>();
    const seen = new Map<unknown, number | undefined>();
    class Traced extends pg.Client {
      // biome-ignore lint/suspicious/noExplicitAny: as pg's own
      override query(...args: any[]): any {
        seen.set(args[1]?.[0], context.getStore());
        // biome-ignore lint/suspicious/noExplicitAny: as pg's own
        return (super.query as any)(...args);
      }
    }
    const pool = lanesPool({ Client: Traced as never, pipelining: { window: 2, maxLanes: 1 } });
    await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        context.run(i, () => pool.query('select $1::int as n', [i])),
      ),
    );
    for (let i = 0; i < 10; i++) expect(seen.get(i)).toBe(i);
  });

  test('an error names the line that asked', async () => {
    const pool = lanesPool();
    async function asker() {
      await pool.query('selec 1 from t');
    }
    async function sharer() {
      await pool.query('select nonsense');
    }
    expect((await caught(asker())).stack).toContain('asker');
    expect((await caught(sharer())).stack).toContain('sharer');
  });

  test('a callback that throws is an uncaught exception of its own and disturbs no neighbour', async () => {
    const pool = lanesPool({ pipelining: { maxLanes: 1 } });
    await pool.query('select 1');
    const thrown: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => thrown.push(error));
    try {
      void pool.query('select nonsense', () => {
        throw new Error('mine');
      });
      const answers = await Promise.all([pool.query('select 1 as a'), pool.query('select 2 as a')]);
      expect(answers.map(({ rows }) => rows[0].a)).toEqual([1, 2]);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
    expect(thrown).toMatchObject([{ message: 'mine' }]);
  });

  test('a value that cannot be sent fails its own query, also in the middle of a lane', async () => {
    const pool = lanesPool({ pipelining: { maxLanes: 1 }, prepare: 'auto' });
    const bad = {
      toPostgres() {
        throw new Error('no such value');
      },
    };
    for (let i = 0; i < 3; i++) {
      const settled = await Promise.allSettled([
        pool.query('select $1::text as a', ['first']),
        pool.query('select $1::text as a', [bad]),
        pool.query('select $1::text as a', ['last']),
      ]);
      expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(settled[1]).toMatchObject({ reason: { message: 'no such value' } });
    }
    expect(pool.stats().created).toBe(1);
  });

  test('max: 1 works: those who need a connection of their own take turns with the lane', async () => {
    const pool = lanesPool({ max: 1 });
    let stop = false;
    let shared = 0;
    const load = Array.from({ length: 8 }, async () => {
      while (!stop) {
        await pool.query('select 1');
        shared++;
      }
    });
    for (let i = 0; i < 10; i++) {
      const client = await pool.connect();
      await client.query('select 1');
      client.release();
    }
    const before = shared;
    await until('the lane is back', () => shared > before + 100);
    stop = true;
    await Promise.all(load);
    expect(pool.stats().created).toBe(1);
  });

  test('a waiting acquire gets the connection of a lane that does nothing, at once', async () => {
    const pool = lanesPool({ max: 1, pipelining: { lingerMs: 60_000 } });
    await pool.query('select 1');
    expect(pool.idleCount).toBe(0);
    const client = await pool.connect();
    client.release();
    expect(pool.stats().created).toBe(1);
  });

  test('waits no longer than connectionTimeoutMillis for a place, and says how things stood', async () => {
    const pool = lanesPool({ max: 1, connectionTimeoutMillis: 100 });
    const client = await pool.connect();
    const waiting = caught(pool.query('select 1'));
    expect(pool.waitingCount).toBe(1);
    const error = await waiting;
    expect(error).toBeInstanceOf(AcquireTimeoutError);
    expect(error.message).toMatch(/^timeout exceeded when trying to connect/);
    expect(pool.stats().acquireTimeouts).toBe(1);
    client.release();
    expect((await pool.query('select 1 as a')).rows).toEqual([{ a: 1 }]);
  });

  test('maxWaiting counts queries that wait for a place', async () => {
    const pool = lanesPool({ max: 1, maxWaiting: 2 });
    const client = await pool.connect();
    const settled = Promise.allSettled(Array.from({ length: 4 }, () => pool.query('select 1')));
    await delay(20);
    client.release();
    const codes = (await settled).map((one) =>
      one.status === 'rejected' ? one.reason.code : 'answered',
    );
    expect(codes).toEqual(['answered', 'answered', 'ERR_POOL_QUEUE_FULL', 'ERR_POOL_QUEUE_FULL']);
  });

  test('a signal that fires between a refusal and its callback takes nobody else out of the queue', async () => {
    const pool = lanesPool({ max: 1, maxWaiting: 1 });
    const client = await pool.connect();
    const waiting = pool.query('select 1 as a');
    const abort = new AbortController();
    const refused = caught(pool.query({ text: 'select 2 as a', signal: abort.signal }));
    abort.abort();
    expect(await refused).toMatchObject({ code: 'ERR_POOL_QUEUE_FULL' });
    expect(lanes(pool).queued).toBe(1);
    client.release();
    expect((await waiting).rows).toEqual([{ a: 1 }]);
  });

  test('suspend() holds queries back until resume()', async () => {
    const pool = lanesPool();
    await pool.query('select 1');
    pool.suspend();
    let answered = false;
    const query = pool.query('select 1').then(() => {
      answered = true;
    });
    await delay(50);
    expect(answered).toBe(false);
    pool.resume();
    await query;
  });

  test('end() lets what was asked for be answered, and refuses what comes after', async () => {
    const pool = lanesPool({ pipelining: { window: 2, maxLanes: 1 } });
    const asked = Promise.all(Array.from({ length: 20 }, () => pool.query('select 1 as a')));
    const ended = pool.end();
    expect((await caught(pool.query('select 1'))).message).toMatch(/after calling end on the pool/);
    expect((await asked).every(({ rows }) => rows[0].a === 1)).toBe(true);
    await ended;
    expect(pool.totalCount).toBe(0);
  });

  test('end({ graceMs }) does not wait for a lane for ever', async () => {
    const pool = lanesPool();
    const slow = caught(pool.query('select pg_sleep(30)'));
    await until('it runs', () => lanes(pool).inFlight === 1);
    const begun = performance.now();
    await pool.end({ graceMs: 50 });
    expect(performance.now() - begun).toBeLessThan(10_000);
    // Cancelled where the server takes the request, else cut off.
    expect((await slow).code).toMatch(/^(?:57014|ERR_POOL_CONNECTION_LOST)$/);
  });

  test('maxUses, a new generation and a lower maximum end lanes without losing a query', async () => {
    const pool = lanesPool({ maxUses: 50, max: 6 });
    for (let i = 0; i < 4; i++) await pids(pool, 60);
    expect(pool.stats().destroyed['max-uses']).toBeGreaterThanOrEqual(1);
    const load = pids(pool, 300);
    pool.manager.pool.bumpGeneration();
    await load;
    await pool.query('select 1');
    const again = pids(pool, 300);
    pool.resize({ max: 1 });
    await again;
    await until('one is left', () => pool.totalCount <= 1);
    pool.manager.pool.assertInvariants();
  });

  test('stats() and explain() tell of lanes', async () => {
    const pool = lanesPool();
    await pids(pool, 50);
    expect(pool.explain()).toMatch(/Lanes: \d connections are shared, .* 50 queries shared/);
    expect(new Pool({ connectionString: inject('postgresUrl') }).stats().lanes).toBeUndefined();
  });

  test.each([
    [{ pipelining: 'yes' }, 'pipelining'],
    [{ pipelining: { window: 0 } }, 'pipelining.window'],
    [{ pipelining: { lanes: 3 } }, 'pipelining.lanes'],
    [{ pipelining: { slowMeanMs: -1 } }, 'pipelining.slowMeanMs'],
    [{ prepare: true }, 'prepare'],
  ])('refuses %o', (options, option) => {
    expect(() => new Pool(options as never)).toThrow(InvalidOptionError);
    expect(() => new Pool(options as never)).toThrow(`Invalid ${option}:`);
  });

  test('refuses a Client that cannot, and says which can', () => {
    class Other {}
    expect(() => new Pool({ pipelining: true, Client: Other as never })).toThrow(
      PipeliningUnsupportedError,
    );
    expect(() => new Pool({ pipelining: true, Client: Other as never })).toThrow(/pg 8\.23/);
  });
});
