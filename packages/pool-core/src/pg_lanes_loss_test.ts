import { startFaultProxy } from '@fynlo/services/fault-proxy';
import { expect, inject, test } from 'vitest';
import { caught, until } from './_pg_conformance.ts';
import { NOTHING_IS_SLOW, ONE_LANE, proxiedLanes } from './_pg_lanes_fixture.ts';
import { ConnectionLostError } from './errors.ts';

test('F75 an error in a lane is the error of its own query only', async () => {
  await using setting = await proxiedLanes(startFaultProxy, inject('postgresUrl'), {
    pipelining: ONE_LANE,
  });
  const { pool, lanes } = setting;
  await pool.query('select 1');
  const asked = Array.from({ length: 60 }, (_, i) => {
    if (i % 3 === 0) return pool.query('select 1 / ($1::int - $1::int) as n', [i]);
    if (i % 7 === 0) return pool.query('select nonsense');
    return pool.query('select $1::int as n', [i]);
  });
  const settled = await Promise.allSettled(asked);
  for (const [i, one] of settled.entries()) {
    if (i % 3 === 0) expect(one).toMatchObject({ reason: { code: '22012' } });
    else if (i % 7 === 0) expect(one).toMatchObject({ reason: { code: '42703' } });
    else expect(one).toMatchObject({ value: { rows: [{ n: i }] } });
  }
  expect(lanes()).toMatchObject({ lanes: 1, retried: 0 });
  expect(pool.stats()).toMatchObject({ created: 1, destroyed: {} });
});

test('F75 a lost connection settles each query once: sent ones with maybeExecuted, others on the next lane', async () => {
  await using setting = await proxiedLanes(startFaultProxy, inject('postgresUrl'), {
    pipelining: { ...ONE_LANE, window: 5 },
  });
  const { pool, proxy, lanes } = setting;
  await pool.query('select 1');
  const answers = new Array<number>(12).fill(0);
  const settled = Promise.allSettled(
    answers.map((_, i) =>
      pool
        .query(i === 0 ? 'select pg_sleep(30), 0 as n' : `select $1::int as n`, i === 0 ? [] : [i])
        .finally(() => {
          answers[i] = (answers[i] ?? 0) + 1;
        }),
    ),
  );
  await until('the window is full', () => lanes().inFlight === 5 && lanes().queued === 7);
  proxy.cutAll('reset');
  for (const [i, one] of (await settled).entries()) {
    if (i < 5) {
      expect(one).toMatchObject({ status: 'rejected', reason: { maybeExecuted: true } });
      expect((one as PromiseRejectedResult).reason).toBeInstanceOf(ConnectionLostError);
    } else expect(one).toMatchObject({ value: { rows: [{ n: i }] } });
  }
  expect(answers).toEqual(new Array(12).fill(1));
  expect(pool.stats().created).toBe(2);
});

test('F75 behind a query whose session the server ends, nothing was begun: those are sent again', async () => {
  await using setting = await proxiedLanes(startFaultProxy, inject('postgresUrl'), {
    pipelining: ONE_LANE,
  });
  const { pool, aside, lanes } = setting;
  await aside.query('drop table if exists lane_ended; create table lane_ended (n int)');
  const { rows } = await pool.query('select pg_backend_pid() as pid');
  const head = caught(pool.query('select pg_sleep(30)'));
  const behind = Promise.all(
    Array.from({ length: 10 }, (_, i) => pool.query('insert into lane_ended values ($1)', [i])),
  );
  await until('all are under way', () => lanes().inFlight === 11);
  await until('the first one runs', async () => {
    const running = await aside.query('select state from pg_stat_activity where pid = $1', [
      rows[0].pid,
    ]);
    return running.rows[0]?.state === 'active';
  });
  await aside.query('select pg_terminate_backend($1)', [rows[0].pid]);
  expect(await head).toMatchObject({ code: '57P01', maybeExecuted: true });
  await behind;
  expect(lanes().retried).toBe(10);
  const written = await aside.query('select array_agg(n order by n) as n from lane_ended');
  expect(written.rows[0].n).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  await aside.query('drop table lane_ended');
});

test('F75 a lane that falls silent is found, its queries are refused, and others go on', async () => {
  await using setting = await proxiedLanes(startFaultProxy, inject('postgresUrl'), {
    silenceTimeoutMs: 300,
  });
  const { pool, proxy } = setting;
  await pool.query('select 1');
  proxy.set('blackhole', { existing: true, fresh: false });
  const settled = await Promise.allSettled([pool.query('select 1'), pool.query('select 2')]);
  for (const one of settled) {
    expect(one).toMatchObject({ status: 'rejected', reason: { maybeExecuted: true } });
  }
  expect((await pool.query('select 3 as n')).rows).toEqual([{ n: 3 }]);
});

test('F75 a lane that dies with nothing to do costs no query', async () => {
  await using setting = await proxiedLanes(startFaultProxy, inject('postgresUrl'), {
    pipelining: { ...ONE_LANE, lingerMs: 60_000 },
  });
  const { pool, proxy, lanes } = setting;
  await pool.query('select 1');
  proxy.cutAll('reset');
  await until('it is gone', () => lanes().lanes === 0);
  expect((await pool.query('select 1 as n')).rows).toEqual([{ n: 1 }]);
  expect(lanes().changes.map(({ reason }) => reason)).toEqual(['first', 'lost', 'first']);
});

test('F75 nothing more is sent behind a query that takes long, whatever it is', async () => {
  await using setting = await proxiedLanes(startFaultProxy, inject('postgresUrl'), { max: 6 });
  const { pool, lanes } = setting;
  await pool.query('select 1');
  const order: string[] = [];
  const slow = pool.query('select pg_sleep(0.6)').then(() => order.push('slow'));
  await until('it holds its lane up', () => lanes().slowStatements.length === 1);
  await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      pool.query('select $1::int as n', [i]).then(() => order.push('fast')),
    ),
  );
  await slow;
  expect(order).toHaveLength(51);
  expect(order.at(-1)).toBe('slow');
  expect(lanes().changes.map(({ reason }) => reason)).toContain('held-up');
});

test('a statement that was seen to be slow gets connections of its own, until it is fast again', async () => {
  await using setting = await proxiedLanes(startFaultProxy, inject('postgresUrl'), { max: 6 });
  const { pool, lanes } = setting;
  const work = (seconds: number) => pool.query('select pg_sleep($1), 1 as n', [seconds]);
  await work(0.05);
  expect(lanes()).toMatchObject({ shared: 1, exclusive: 0 });
  expect(lanes().slowStatements).toMatchObject([{ text: 'select pg_sleep ( ? ) , ? as n' }]);
  await Promise.all([work(0.05), work(0.05)]);
  expect(lanes()).toMatchObject({ shared: 1, exclusive: 2 });
  for (let i = 0; i < 200 && lanes().slowStatements.length > 0; i++) await work(0);
  const { exclusive, shared } = lanes();
  expect(exclusive).toBeLessThan(200);
  await work(0);
  expect(lanes()).toMatchObject({ shared: shared + 1, exclusive });
});

test('a long way to the server makes no statement slow', async () => {
  await using setting = await proxiedLanes(startFaultProxy, inject('postgresUrl'), { max: 6 });
  const { pool, proxy, lanes } = setting;
  proxy.set('delay', { delayMs: 15 });
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 20 }, (_, i) => pool.query('select $1::int', [i])));
  }
  // Counted as the statement's own, the first of these would have made it slow. (A busy machine may stall the server as well.)
  expect(lanes().shared).toBeGreaterThan(100);
});

test('an event loop that stands still makes no statement slow', async () => {
  await using setting = await proxiedLanes(startFaultProxy, inject('postgresUrl'), { max: 6 });
  const { pool, lanes } = setting;
  for (let round = 0; round < 20; round++) {
    const asked = Promise.all(
      Array.from({ length: 10 }, (_, i) => pool.query('select $1::int', [i])),
    );
    const end = performance.now() + 30;
    while (performance.now() < end);
    await asked;
  }
  // Counted as the statement's own, the first of these would have made it slow. (A busy machine may stall the server as well.)
  expect(lanes().shared).toBeGreaterThan(100);
});

test('queries that are work for the server are spread over as many connections as there are, but one', async () => {
  await using setting = await proxiedLanes(startFaultProxy, inject('postgresUrl'), {
    max: 9,
    pipelining: NOTHING_IS_SLOW,
  });
  const { pool, lanes } = setting;
  const work = () => pool.query('select pg_sleep(0.004)');
  for (let round = 0; round < 100 && lanes().lanes < 8; round++) {
    await Promise.all(Array.from({ length: 24 }, work));
  }
  expect(lanes().lanes).toBe(8);
  expect(lanes().changes.map(({ reason }) => reason)).toContain('work');
});

test('behind a query that receives a large result nothing more is sent, however short it has run', async () => {
  await using setting = await proxiedLanes(startFaultProxy, inject('postgresUrl'), {
    pipelining: { ...ONE_LANE, maxLanes: 2 },
  });
  const { pool, proxy, lanes } = setting;
  await pool.query('select 1');
  // About a second for these; what comes on a connection of its own is not slowed down.
  proxy.set('throttle', { bytesPerSecond: 2_000_000, direction: 'to-client', fresh: false });
  const ended: string[] = [];
  const large = pool
    .query("select repeat('x', 100_000) as x from generate_series(1, 20)")
    .then(({ rows }) => {
      ended.push('large');
      return rows.length;
    });
  const behind = pool.query('select 1 as n').then(() => ended.push('behind it'));
  await new Promise((resolve) => setTimeout(resolve, 300));
  await pool.query('select 2 as n').then(() => ended.push('later'));
  expect(ended).toEqual(['later']);
  expect(lanes().lanes).toBe(2);
  expect(await large).toBe(20);
  await behind;
  expect(ended).toEqual(['later', 'large', 'behind it']);
});

test('while a lane receives a large result memory holds that once, and what is asked meanwhile stays with the pool', async () => {
  await using setting = await proxiedLanes(startFaultProxy, inject('postgresUrl'), {
    max: 1,
    pipelining: { ...ONE_LANE, window: 1_000 },
  });
  const { pool, proxy, lanes } = setting;
  const MB = 1 << 20;
  const usedMb = (): number => {
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    return (heapUsed + external) / MB;
  };
  await pool.query('select 1');
  proxy.set('throttle', { bytesPerSecond: 32 * MB, direction: 'to-client' });
  const before = usedMb();
  let received = 0;
  let mostMb = 0;
  const large = pool
    .query("select repeat('x', 1000) as x from generate_series(1, 32_000)")
    .then(({ rows }) => {
      mostMb = Math.max(mostMb, usedMb());
      received = rows.length;
    });
  // Until it is known to be large, a query behind it is sent.
  const few: Promise<unknown>[] = [];
  await until('it is known to be large', () => {
    few.push(pool.query('select 1'));
    return lanes().queued > 0;
  });
  const { inFlight } = lanes();
  const asked = Array.from({ length: 500 }, (_, n) => pool.query('select $1::int as n', [n]));
  while (received === 0) {
    if (lanes().inFlight === inFlight) expect(lanes().queued).toBeGreaterThanOrEqual(500);
    mostMb = Math.max(mostMb, usedMb());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await Promise.all([large, ...few, ...asked]);
  expect(received).toBe(32_000);
  // 31 MB of text.
  expect(mostMb - before).toBeGreaterThan(25);
  expect(mostMb - before).toBeLessThan(60);
  await until('it is given free', () => usedMb() - before < 8);
}, 30_000);
