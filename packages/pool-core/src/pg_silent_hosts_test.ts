/** Several servers, of which one is silent altogether while another has lost connections only. */
import { startFaultProxy } from '@fynlo/services/fault-proxy';
import { expect, inject, test } from 'vitest';
import { LostTime } from './_lost_time_fixture.ts';
import { caught } from './_pg_conformance.ts';
import { Pool } from './pool.ts';

const url = new URL(inject('postgresUrl'));
const target = { host: url.hostname, port: Number(url.port) };

/** A pool over two hosts, with two clients of the first lent, and then two of the second. */
async function twoHosts() {
  const a = await startFaultProxy(target);
  const b = await startFaultProxy(target);
  const pool = new Pool({
    user: url.username,
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
    hosts: [a, b].map(({ host, port }) => ({ host, port })),
    connectionTimeoutMillis: 30_000,
    max: 8,
  });
  pool.on('error', () => undefined);
  const clients = [await pool.connect(), await pool.connect()];
  a.set('refuse', { existing: false });
  clients.push(await pool.connect(), await pool.connect());
  expect(clients.map(({ port }) => port)).toEqual([a.port, a.port, b.port, b.port]);
  return {
    a,
    b,
    onA: clients.slice(0, 2),
    onB: clients.slice(2),
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.release(true);
      for (const proxy of [a, b]) {
        proxy.set('pass');
        proxy.cutAll('reset');
      }
      await pool.end({ graceMs: 500 });
      await Promise.all([a.close(), b.close()]);
    },
  };
}

test('F13 with one host silent altogether, who waits on dead connections to another host is told within 3.5 s', async () => {
  await using setting = await twoHosts();
  const { a, b, onA, onB } = setting;
  a.set('blackhole');
  b.set('blackhole', { existing: true, fresh: false });
  using lost = new LostTime();
  const begun = performance.now();
  const silent = onA.map((client) => caught(client.query('select 1')));
  const errors = await Promise.all(onB.map((client) => caught(client.query('select 1'))));
  expect(performance.now() - begun).toBeLessThan(3_500 + lost.ms);
  for (const error of errors) {
    expect(error).toMatchObject({ code: 'ERR_POOL_CONNECTION_LOST', maybeExecuted: true });
    expect(error.message).toContain('the server does not work on the statement');
  }
  // The verdict over the silent host is its own, and no later for the other's.
  for (const error of await Promise.all(silent)) {
    expect(error).toMatchObject({ code: 'ERR_POOL_CONNECTION_LOST', maybeExecuted: true });
    expect(error.message).toContain('were not answered either');
  }
  expect(performance.now() - begun).toBeLessThan(9_000 + lost.ms);
});

test('F13 F17 with one host silent altogether, a slow statement on another is left alone', async () => {
  await using setting = await twoHosts();
  const { a, onA, onB } = setting;
  a.set('blackhole');
  const silent = onA.map((client) => caught(client.query('select 1')));
  const [first, second] = onB;
  const slow = first?.query('select pg_sleep(9), 1 as one');
  for (const error of await Promise.all(silent)) {
    expect(error.message).toContain('were not answered either');
  }
  expect((await second?.query('select 2 as two'))?.rows).toEqual([{ two: 2 }]);
  expect((await slow)?.rows[0].one).toBe(1);
});
