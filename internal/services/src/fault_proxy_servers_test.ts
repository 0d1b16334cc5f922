/** What each fault looks like to a client of a real PostgreSQL or Redis. */
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { createDatabase, type OwnDatabase } from './database.ts';
import { type FaultProxy, startFaultProxy } from './fault_proxy.ts';

let database: OwnDatabase;
let proxy: FaultProxy;
const clients: pg.Client[] = [];

beforeEach(async () => {
  database = await createDatabase(inject('postgresUrl'));
  const { hostname, port } = new URL(database.url);
  proxy = await startFaultProxy({ host: hostname, port: Number(port || 5432) });
});

afterEach(async () => {
  await proxy.close();
  await Promise.all(clients.splice(0).map((client) => client.end().catch(() => undefined)));
  await database.drop();
});

async function connected(url: string, config: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, ...config });
  client.on('error', () => undefined);
  await client.connect();
  clients.push(client);
  return client;
}

const throughProxy = (config?: pg.ClientConfig): Promise<pg.Client> =>
  connected(proxy.url(database.url), config);

/** Sees the database past the proxy. */
const witness = (): Promise<pg.Client> => connected(database.url, { application_name: 'witness' });

/** How many sessions the server has that came through the proxy. */
async function sessions(): Promise<number> {
  const { rows } = await (await witness()).query<{ n: number }>(
    `select count(*)::int as n from pg_stat_activity
     where datname = current_database() and application_name <> 'witness'`,
  );
  return rows[0]?.n ?? -1;
}

/** Settled as something, or still open after a while. */
async function outcome(promise: Promise<unknown>, ms = 300): Promise<string> {
  const settled = promise.then(
    () => 'answered',
    (error: Error & { code?: string }) => error.code ?? error.message,
  );
  const silence = new Promise<string>((resolve) => {
    setTimeout(() => resolve('silence'), ms);
  });
  return Promise.race([settled, silence]);
}

test('pass: statements and large results arrive unharmed', async () => {
  const client = await throughProxy();
  const { rows } = await client.query(
    `select md5(string_agg(n::text, ',')) as sum from (select n from generate_series(1, 100000) n) s`,
  );
  const { rows: series } = await client.query('select n from generate_series(1, 100000) n');
  const { rows: again } = await client.query('select md5($1) as sum', [
    series.map(({ n }) => n).join(','),
  ]);
  expect(again).toEqual(rows);
});

test('refuse: the connect fails at once with ECONNREFUSED, and open sessions go on', async () => {
  const client = await throughProxy();
  proxy.set('refuse');
  await expect(throughProxy()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await client.query('select 1');
  proxy.set('pass');
  await throughProxy();
});

test('accept-silent: the connect hangs until the deadline of the client', async () => {
  proxy.set('accept-silent');
  await expect(throughProxy({ connectionTimeoutMillis: 200 })).rejects.toThrow('timeout expired');
  expect(await sessions()).toBe(0);
});

test('blackhole: the statement hangs while the server still has the session, and is answered after it', async () => {
  const client = await throughProxy();
  proxy.set('blackhole');
  const answer = client.query('select 1');
  expect(await outcome(answer)).toBe('silence');
  expect(await sessions()).toBe(1);
  proxy.set('pass');
  await answer;
});

test('blackhole-to-client: the statement is carried out, and the answer does not arrive', async () => {
  const client = await throughProxy();
  await client.query('create table done (n int)');
  proxy.set('blackhole-to-client');
  const answer = client.query('insert into done values (1)');
  expect(await outcome(answer)).toBe('silence');
  const direct = await witness();
  await expect.poll(async () => (await direct.query('table done')).rowCount).toBe(1);
  proxy.set('pass');
  await answer;
});

test('blackhole-to-server: the statement is not carried out', async () => {
  const client = await throughProxy();
  await client.query('create table done (n int)');
  proxy.set('blackhole-to-server');
  expect(await outcome(client.query('insert into done values (1)'))).toBe('silence');
  expect((await (await witness()).query('table done')).rowCount).toBe(0);
});

test('half-open: the server has ended the session, and the client waits without a word', async () => {
  const client = await throughProxy();
  proxy.set('half-open');
  await expect.poll(sessions).toBe(0);
  const answer = client.query('select 1');
  expect(await outcome(answer)).toBe('silence');
  proxy.set('pass');
  expect(await outcome(answer, 10_000)).toBe('ECONNRESET');
});

test('reset: the statement fails with ECONNRESET', async () => {
  const client = await throughProxy();
  const answer = client.query('select pg_sleep(60)');
  proxy.set('reset', { fresh: false });
  expect(await outcome(answer, 10_000)).toBe('ECONNRESET');
  await throughProxy();
});

test('delay: ten statements in a pipeline take one round trip, one after another they take ten', async () => {
  const client = await throughProxy({ pipeline: true } as pg.ClientConfig);
  proxy.set('delay', { delayMs: 50 });
  const time = async (during: () => Promise<unknown>): Promise<number> => {
    const begun = performance.now();
    await during();
    return performance.now() - begun;
  };
  const ten = Array.from({ length: 10 }, (_, n) => n);
  const pipelinedMs = await time(() => Promise.all(ten.map(() => client.query('select 1'))));
  const oneByOneMs = await time(async () => {
    for (const _ of ten) await client.query('select 1');
  });
  expect(oneByOneMs).toBeGreaterThanOrEqual(990);
  expect(pipelinedMs).toBeGreaterThanOrEqual(99);
  expect(pipelinedMs).toBeLessThan(oneByOneMs / 2);
});

test('throttle: a result of 100 kB takes its time at 200 kB/s', async () => {
  const client = await throughProxy();
  proxy.set('throttle', { bytesPerSecond: 200_000 });
  const begun = performance.now();
  await client.query(`select repeat('x', 100000)`);
  expect(performance.now() - begun).toBeGreaterThanOrEqual(490);
});

test('corrupt: the answer is not what the server sent', async () => {
  const client = await throughProxy();
  const value = 'x'.repeat(50_000);
  proxy.set('corrupt', { corruptEvery: 1_000, direction: 'to-client' });
  const answer = client.query({ text: 'select $1::text', values: [value], rowMode: 'array' }).then(
    ({ rows }) => rows[0]?.[0],
    (error: Error) => error,
  );
  // A damaged length makes the client wait for more; damaged text is just wrong.
  const seen = await Promise.race([answer, outcome(answer, 1_000)]);
  expect(proxy.corruptedBytes).toBeGreaterThan(0);
  expect(seen).not.toBe(value);
});

test('fin-mid-message: the connection ends in the middle of an answer', async () => {
  const client = await throughProxy();
  proxy.set('fin-mid-message', { fresh: false });
  const answer = client.query('select 1');
  expect(await outcome(answer, 10_000)).toBe('Connection terminated unexpectedly');
  await expect.poll(sessions).toBe(0);
});

test('Redis: a blackhole holds answers back in order, a reset makes the client connect anew', async () => {
  const url = new URL(inject('redisUrl'));
  await using own = await startFaultProxy({ host: url.hostname, port: Number(url.port || 6379) });
  const client = new Redis(own.url(url.href), { maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  try {
    expect(await client.ping()).toBe('PONG');
    own.set('blackhole');
    const answers = Promise.all([client.echo('one'), client.echo('two')]);
    expect(await outcome(answers)).toBe('silence');
    own.set('pass');
    expect(await answers).toEqual(['one', 'two']);
    own.cutAll('reset');
    expect(await client.ping()).toBe('PONG');
    expect(own.accepted).toBe(2);
  } finally {
    client.disconnect();
  }
});
