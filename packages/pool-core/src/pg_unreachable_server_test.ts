import { expect, inject, test } from 'vitest';
import { LATE_MS, throughProxy } from './_fault_fixture.ts';
import { LostTime } from './_lost_time_fixture.ts';
import { caught, delay, until } from './_pg_conformance.ts';
import type { AcquireTimeoutError } from './errors.ts';

test('F01 with the server down at the start, an acquire fails at its own deadline and says why; once it is up, one is served within 1.5 s', async () => {
  await using setting = await throughProxy(inject('postgresUrl'), {
    connectionTimeoutMillis: 800,
    minConnections: 2,
  });
  const { pool, proxy, oracle } = setting;
  proxy.set('refuse');
  using lost = new LostTime();
  const begun = performance.now();
  const error = (await caught(pool.connect())) as unknown as AcquireTimeoutError;
  const tookMs = performance.now() - begun;
  expect(error).toMatchObject({ because: 'down', cause: { code: 'ECONNREFUSED' } });
  expect(error.message).toContain('the server cannot be reached');
  expect(tookMs).toBeGreaterThanOrEqual(799);
  expect(tookMs).toBeLessThan(800 + LATE_MS + lost.ms);
  expect(pool.state).toBe('down');

  const waiting = pool.getConnection({ timeoutMs: 20_000 });
  await delay(300);
  proxy.set('pass');
  const upAt = performance.now();
  await (await waiting).release();
  expect(performance.now() - upAt).toBeLessThan(1_500 + lost.ms);
  await until('the minimum is open', () => pool.idleCount === 2);
  expect(oracle.states.slice(0, 3)).toEqual(['suspect', 'down', 'recovering']);
  await oracle.settled();
});

test('F04 connects that take 3 s delay nobody who can have a connection, finish into idle when their waiters have left, and are limited', async () => {
  await using setting = await throughProxy(inject('postgresUrl'), { max: 12, maxConnecting: 4 });
  const { pool, proxy, oracle } = setting;
  const held = await Promise.all([pool.connect(), pool.connect()]);
  const before = proxy.accepted;
  // One round trip: the server trusts whoever comes.
  proxy.set('delay', { existing: false, delayMs: 1_500 });
  const abort = new AbortController();
  const left = Array.from({ length: 8 }, () =>
    caught(pool.getConnection({ signal: abort.signal })),
  );
  await until('connects are under way', () => proxy.accepted - before === 4);
  await delay(200);
  abort.abort();
  for (const error of await Promise.all(left)) expect(error.code).toBe('ERR_POOL_ACQUIRE_ABORTED');
  // Nobody waits for them any more, and they go on.
  held[0]?.release();
  for (let i = 0; i < 20; i++) await pool.query('select 1');
  expect(pool.manager.pool.connecting).toBe(4);
  await until('they finish into idle', () => pool.idleCount === 5);
  expect(proxy.accepted - before).toBe(4);
  expect(pool.stats().destroyed).toEqual({});
  held[1]?.release();
  await oracle.settled();
});

test('F04 a connect may take as long as connectTimeoutMs says, also where callers wait less', async () => {
  await using setting = await throughProxy(inject('postgresUrl'), {
    connectionTimeoutMillis: 200,
    connectTimeoutMs: 10_000,
  });
  const { pool, proxy, oracle } = setting;
  proxy.set('delay', { delayMs: 300 });
  expect((await caught(pool.connect())).message).toContain('timeout exceeded');
  await until('it finishes into idle', () => pool.idleCount === 1);
  expect(pool.stats()).toMatchObject({ created: 1, createFailures: 0 });
  proxy.set('pass');
  await oracle.settled();
});

test('F05 a server that accepts and says nothing costs each connect its deadline, and the refill goes on', async () => {
  using lost = new LostTime();
  const begun: number[] = [];
  const ended: number[] = [];
  await using setting = await throughProxy(inject('postgresUrl'), {
    connectTimeoutMs: 400,
    connectionTimeoutMillis: 20_000,
    log: (message: string) => {
      if (message === 'connecting new client') begun.push(performance.now());
      if (message === 'ending client due to timeout') ended.push(performance.now());
    },
  } as never);
  const { pool, proxy, oracle } = setting;
  proxy.set('accept-silent');
  const waiting = pool.connect();
  await until('four connects were given up', () => ended.length >= 4);
  for (const [i, at] of ended.entries()) {
    const tookMs = at - (begun[i] as number);
    expect(tookMs).toBeGreaterThanOrEqual(399);
    expect(tookMs).toBeLessThan(400 + LATE_MS + lost.ms);
  }
  // One prober: the next began after the last had ended.
  for (const [i, at] of begun.slice(1).entries()) expect(at).toBeGreaterThan(ended[i] as number);
  proxy.set('pass', { existing: false });
  (await waiting).release();
  proxy.set('pass');
  await oracle.settled();
});
