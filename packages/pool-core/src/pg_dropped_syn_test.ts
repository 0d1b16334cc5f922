/** Hosts that do not even refuse: what asks for a connection gets no answer of any kind. */
import { startFaultProxy } from '@fynlo/services/fault-proxy';
import { describe, expect, inject, test } from 'vitest';
import { DeafListener } from './_deaf_listener_fixture.ts';
import { LATE_MS } from './_fault_fixture.ts';
import { LostTime } from './_lost_time_fixture.ts';
import { Oracle } from './_oracle_fixture.ts';
import { caught, until } from './_pg_conformance.ts';
import type { AcquireTimeoutError } from './errors.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

const serverUrl = inject('postgresUrl');
const url = new URL(serverUrl);
const target = { host: url.hostname, port: Number(url.port) };

function watched(options: PoolOptions): Oracle {
  const login = {
    user: url.username,
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
  };
  return new Oracle((own) => new Pool({ ...login, max: 4, ...own, ...options }), serverUrl);
}

describe.runIf(process.platform === 'linux')('a host whose packets are lost', () => {
  test('F05 costs each connect its deadline, an acquire its own; who still waits is served soon after it is back', async () => {
    await using deaf = await DeafListener.open(target.port, { host: '127.0.0.1', port: 0 });
    const begun: number[] = [];
    const ended: number[] = [];
    const oracle = watched({
      host: deaf.host,
      port: deaf.port,
      connectTimeoutMs: 500,
      connectionTimeoutMillis: 1_200,
      log: (message: string) => {
        if (message === 'connecting new client') begun.push(performance.now());
        if (message === 'ending client due to timeout') ended.push(performance.now());
      },
    } as never);
    const { pool } = oracle;
    using lost = new LostTime();
    const askedAt = performance.now();
    const error = (await caught(pool.connect())) as unknown as AcquireTimeoutError;
    const tookMs = performance.now() - askedAt;
    expect(tookMs).toBeGreaterThanOrEqual(1_199);
    expect(tookMs).toBeLessThan(1_200 + LATE_MS + lost.ms);
    expect(error).toMatchObject({ because: 'down', cause: { code: 'ERR_POOL_CONNECT_TIMEOUT' } });
    const waiting = pool.getConnection({ timeoutMs: 20_000 });
    await until('three connects were given up', () => ended.length >= 3);
    for (const [i, at] of ended.entries()) {
      expect(at - (begun[i] as number)).toBeGreaterThanOrEqual(499);
      expect(at - (begun[i] as number)).toBeLessThan(500 + LATE_MS + lost.ms);
    }
    deaf.heal();
    const healedAt = performance.now();
    await (await waiting).release();
    // The connect under way may have to be given up first: the kernel sends its SYN again after a second only.
    expect(performance.now() - healedAt).toBeLessThan(1_500 + lost.ms);
    await oracle.settled();
    await oracle.ended();
  });

  test('F32 with two addresses, one of them such a host, costs the time for an address once', async () => {
    await using alive = await startFaultProxy(target, { host: '127.0.0.1' });
    await using deaf = await DeafListener.open(target.port, {
      host: '127.0.0.2',
      port: alive.port,
    });
    const oracle = watched({
      host: 'db.test',
      port: alive.port,
      addressTimeoutMs: 400,
      connectTimeoutMs: 5_000,
      lookup: (_name, _options, answer) =>
        answer(null, [
          { address: deaf.host, family: 4 },
          { address: alive.host, family: 4 },
        ]),
    });
    const { pool } = oracle;
    using lost = new LostTime();
    const begun = performance.now();
    await pool.query('select 1');
    const firstMs = performance.now() - begun;
    expect(firstMs).toBeGreaterThanOrEqual(399);
    expect(firstMs).toBeLessThan(400 + 250 + lost.ms);
    const again = performance.now();
    await Promise.all(Array.from({ length: 4 }, () => pool.query('select pg_sleep(0.05)')));
    expect(performance.now() - again).toBeLessThan(400 + lost.ms);
    expect(alive.accepted).toBe(4);
    await oracle.settled();
    await oracle.ended();
  });
});
