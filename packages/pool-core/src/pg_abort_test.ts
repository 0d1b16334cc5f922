import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { caught, delay, until } from './_pg_conformance.ts';
import { AcquireAbortedError } from './errors.ts';
import { QueryAbortedError } from './pg_errors.ts';
import { Pool } from './pool.ts';

describe('F74 an AbortSignal', () => {
  let pool: Pool;
  let watch: Pool;
  beforeEach(() => {
    pool = new Pool({ connectionString: inject('postgresUrl'), max: 1 });
    watch = new Pool({ connectionString: inject('postgresUrl'), max: 1 });
  });
  afterEach(async () => {
    await pool[Symbol.asyncDispose]();
    await watch[Symbol.asyncDispose]();
  });

  async function running(mark: string): Promise<number> {
    const text =
      "select count(*)::int n from pg_stat_activity where state = 'active' and query like $1 and pid <> pg_backend_pid()";
    return (await watch.query(text, [`%${mark}%`])).rows[0].n;
  }

  test('stops a running statement on the server, and its connection is used again', async () => {
    const { rows } = await pool.query('select pg_backend_pid() as pid');
    const abort = new AbortController();
    const text = 'select pg_sleep(30) /* f74 stopped */';
    const query = caught(pool.query({ text, signal: abort.signal }));
    await until('it runs', async () => (await running('f74 stopped')) === 1);
    abort.abort(new Error('no longer wanted'));
    const error = await query;
    expect(error).toBeInstanceOf(QueryAbortedError);
    expect(error).toMatchObject({ code: 'ERR_POOL_QUERY_ABORTED', maybeExecuted: false });
    expect((error.cause as Error).message).toBe('no longer wanted');
    expect(await running('f74 stopped')).toBe(0);
    expect((await pool.query('select pg_backend_pid() as pid')).rows).toEqual(rows);
  });

  test('never hits the next statement, however close it comes', async () => {
    for (let i = 0; i < 150; i++) {
      const abort = new AbortController();
      const aborted = pool.query({ text: 'select pg_sleep(0.002)', signal: abort.signal }).then(
        () => 'done',
        (error: Error) => error.name,
      );
      const next = pool.query('select 1 as one');
      setTimeout(() => abort.abort(), i % 6);
      expect(['done', 'QueryAbortedError', 'AcquireAbortedError']).toContain(await aborted);
      expect((await next).rows).toEqual([{ one: 1 }]);
    }
    expect(pool.stats().created).toBe(1);
  });

  test('ends the wait for a connection', async () => {
    const client = await pool.connect();
    const abort = new AbortController();
    const query = caught(pool.query({ text: 'select 1', signal: abort.signal }));
    const lease = caught(pool.getConnection({ signal: abort.signal }));
    expect(pool.waitingCount).toBe(2);
    abort.abort('enough');
    for (const error of [await query, await lease]) {
      expect(error).toBeInstanceOf(AcquireAbortedError);
      expect(error.cause).toBe('enough');
    }
    expect(pool.waitingCount).toBe(0);
    client.release();
  });

  test('that was aborted before asks nothing of the pool', async () => {
    const signal = AbortSignal.abort('before');
    expect((await caught(pool.query({ text: 'select 1', signal }))).name).toBe(
      'AcquireAbortedError',
    );
    expect((await caught(pool.getConnection({ signal }))).name).toBe('AcquireAbortedError');
    expect(pool.totalCount).toBe(0);
  });

  test('is let go of when the statement is done', async () => {
    const abort = new AbortController();
    let listening = 0;
    const { signal } = abort;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = ((...args: Parameters<typeof add>) => {
      listening++;
      add(...args);
    }) as typeof add;
    signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
      listening--;
      remove(...args);
    }) as typeof remove;
    await pool.query({ text: 'select 1', signal });
    expect(listening).toBe(0);
    await (await pool.getConnection({ signal })).release();
    abort.abort();
    await delay(10);
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  test('pool.cancel(client) stops what a borrowed client runs', async () => {
    const client = await pool.connect();
    expect(await pool.cancel(client)).toBe(false);
    const query = caught(client.query('select pg_sleep(30) /* f74 cancel */'));
    await until('it runs', async () => (await running('f74 cancel')) === 1);
    expect(await pool.cancel(client)).toBe(true);
    expect((await query).code).toBe('57014');
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    client.release();
  });
});
