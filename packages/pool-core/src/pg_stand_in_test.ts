import { setImmediate as turn } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, describe, expect, inject, test, vi } from 'vitest';
import { caught, connectWithCallback, next } from './_pg_conformance.ts';
import { LeaseReleasedError } from './errors.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

describe('leases: true', () => {
  let pool: Pool;
  const make = (options: PoolOptions = {}): Pool => {
    pool = new Pool({ connectionString: inject('postgresUrl'), max: 1, leases: true, ...options });
    return pool;
  };
  afterEach(() => pool.end({ graceMs: 0 }));

  test('a stand-in is a pg.Client of its own for each checkout, over the same connection', async () => {
    make();
    const first = await pool.connect();
    expect(first).toBeInstanceOf(pg.Client);
    const { processID } = first as unknown as { processID: number };
    expect((await first.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    first.release();
    const second = await pool.connect();
    expect(second).not.toBe(first);
    expect((second as unknown as { processID: number }).processID).toBe(processID);
    second.release();
  });

  test('methods chain, listeners hear, fields can be read and written', async () => {
    make();
    const client = await pool.connect();
    expect(client.on('notification', () => {})).toBe(client);
    expect(client.listenerCount('notification')).toBe(1);
    const heard = next<[pg.Notification]>(client, 'notification');
    await client.query("listen stand_in; notify stand_in, 'x'");
    expect((await heard)[0].payload).toBe('x');
    expect(client.connection).toBeDefined();
    expect(client.getTransactionStatus()).toBe('I');
    expect(client.escapeIdentifier('a"b')).toBe('"a""b"');
    client.removeAllListeners('notification');
    client.release();
  });

  test('F66 use after release is an error that names the use; tidying up is not', async () => {
    make();
    const client = await pool.connect();
    const listener = (): void => {};
    client.on('error', listener);
    client.release();
    expect(() => client.query('select 1')).toThrow(LeaseReleasedError);
    expect(() => client.query('select 1')).toThrow('use query of the client');
    expect(() => client.on('error', listener)).toThrow(LeaseReleasedError);
    expect(client.removeListener('error', listener)).toBe(client);
    expect(() => client.release()).toThrow('already been released to the pool');
    expect(pool.idleCount).toBe(1);
  });

  test('release() is a function of its own: it may be passed on, spied on, wrapped, and called through a proxy', async () => {
    make();
    const first = await pool.connect();
    const { release } = first;
    release();
    const second = await pool.connect();
    const spy = vi.spyOn(second, 'release');
    second.release();
    expect(spy).toHaveBeenCalledTimes(1);
    const third = await pool.connect();
    const wrapped = third.release;
    let calls = 0;
    third.release = (error) => {
      calls++;
      wrapped(error);
    };
    third.release();
    expect(calls).toBe(1);
    const fourth = await pool.connect();
    new Proxy(fourth, {}).release();
    const fifth = await pool.connect();
    Object.create(fifth).release();
    const sixth = await pool.connect();
    const dispose = sixth[Symbol.asyncDispose];
    await dispose.call(undefined);
    expect(pool.idleCount).toBe(1);
  });

  test('callbacks, events, errors, await using and pool.query work as ever', async () => {
    make();
    const { client, done } = await connectWithCallback(pool);
    expect(client.release).toBe(done);
    expect(await caught(client.query('nonsense'))).toMatchObject({ code: '42601' });
    done();
    {
      await using scoped = await pool.connect();
      await scoped.query('select 1');
    }
    expect(pool.idleCount).toBe(1);
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    const told = next<[Error, pg.PoolClient]>(pool, 'release');
    (await pool.connect()).release();
    expect((await told)[1]).toBeInstanceOf(pg.Client);
  });
});

const KILLS_ITSELF = 'select pg_terminate_backend(pg_backend_pid(), 5000)';

describe('a lease that its holder has dropped can be collected, on every path', () => {
  let pool: Pool;
  afterEach(() => pool.end({ graceMs: 0 }));

  type Take = (pool: Pool) => Promise<object>;
  const paths: [string, PoolOptions, Take][] = [
    ['getConnection', {}, (p) => p.getConnection()],
    [
      'getConnection with a signal',
      {},
      (p) => p.getConnection({ signal: new AbortController().signal, timeoutMs: 60_000 }),
    ],
    ['connect with leases', { leases: true }, (p) => p.connect()],
    [
      'connect(callback) with leases',
      { leases: true },
      async (p) => (await connectWithCallback(p)).client,
    ],
  ];
  // An idle client, one that has to be opened, one that comes back while the caller waits, and one in place of a lost one.
  for (const way of ['idle', 'opened', 'returned', 'reconnected'] as const) {
    test.each(paths)(`%s, ${way}`, async (_, options, take) => {
      pool = new Pool({ connectionString: inject('postgresUrl'), max: 1, ...options });
      const ref = await takeAndDrop(pool, way, take);
      for (let i = 0; i < 10 && ref.deref() !== undefined; i++) {
        await turn();
        globalThis.gc?.();
      }
      expect(ref.deref()).toBeUndefined();
      expect(pool.stats().leased).toBe(1);
    });
  }

  async function takeAndDrop(from: Pool, way: string, take: Take): Promise<WeakRef<object>> {
    if (way === 'idle') await from.query('select 1');
    if (way === 'reconnected') await caught(from.query(KILLS_ITSELF));
    if (way !== 'returned') return new WeakRef(await take(from));
    const holder = await from.connect();
    const waiting = take(from);
    holder.release();
    return new WeakRef(await waiting);
  }

  test('the same when it was used, and its observers hold it weakly', async () => {
    pool = new Pool({ connectionString: inject('postgresUrl'), max: 1, leases: true });
    const leases: WeakRef<object>[] = [];
    pool.observe({
      tracksLeases: true,
      acquired: ({ lease }) => {
        if (lease !== undefined) leases.push(new WeakRef(lease));
      },
    });
    await (async () => {
      const client = await pool.connect();
      await client.query('select 1');
      await client.query('select 1/0').catch(() => {});
    })();
    expect(leases).toHaveLength(1);
    for (let i = 0; i < 10 && leases[0]?.deref() !== undefined; i++) {
      await turn();
      globalThis.gc?.();
    }
    expect(leases[0]?.deref()).toBeUndefined();
    const [{ leaseId = 0 } = {}] = pool.connections();
    expect(pool.reclaim(leaseId, 'lost')).toBe(true);
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });
});
