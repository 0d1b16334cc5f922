import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Pool } from '@fynlo/pool-core';
import { createDatabase } from '@fynlo/services/database';
import { startFaultProxy } from '@fynlo/services/fault-proxy';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import Cursor from 'pg-cursor';
import QueryStream from 'pg-query-stream';
import { describe, expect, inject, test } from 'vitest';

describe.each([{}, { leases: true }])('streams with %j', (options) => {
  test('F72 a cursor is read in parts and closed; one left open costs its connection only', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using pool = new Pool({
      connectionString: database.url,
      max: 1,
      resetTimeoutMs: 100,
      ...options,
    });
    const client = await pool.connect();
    const cursor = client.query(new Cursor('select n from generate_series(1, 100) n'));
    expect(await cursor.read(3)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    await cursor.close();
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    const left = client.query(new Cursor('select n from generate_series(1, 100) n'));
    await left.read(1);
    client.release();
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    expect(pool.stats().destroyed['released-busy']).toBe(1);
  });

  test('F70 a query stream with a slow reader holds few rows at a time', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using pool = new Pool({ connectionString: database.url, ...options, max: 1 });
    const client = await pool.connect();
    const stream = client.query(
      new QueryStream('select n, repeat($1, 1000) as t from generate_series(1, 20000) n', ['x'], {
        batchSize: 100,
        highWaterMark: 100,
      }),
    );
    let rows = 0;
    let most = 0;
    for await (const _ of stream) {
      rows++;
      most = Math.max(most, stream.readableLength);
      if (rows % 2_000 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(rows).toBe(20_000);
    expect(most).toBeLessThanOrEqual(300);
    client.release();
    expect(pool.idleCount).toBe(1);
  });

  test('F71 COPY in and out; one that is aborted leaves the pool working', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using pool = new Pool({ connectionString: database.url, ...options, max: 1 });
    await pool.query('create table t (a int, b text)');
    const client = await pool.connect();
    const lines = Array.from({ length: 5_000 }, (_, i) => `${i}\ttext ${i}\n`);
    await pipeline(Readable.from(lines), client.query(copyFrom('copy t from stdin')));
    let bytes = 0;
    const count = new Writable({
      write(chunk: Buffer, _encoding, done) {
        bytes += chunk.length;
        done();
      },
    });
    await pipeline(client.query(copyTo('copy t to stdout')), count);
    expect(bytes).toBe(lines.join('').length);
    const broken = Readable.from(
      (function* () {
        yield '1\tone\n';
        throw new Error('source broke');
      })(),
    );
    await expect(pipeline(broken, client.query(copyFrom('copy t from stdin')))).rejects.toThrow();
    client.release();
    expect((await pool.query('select count(*)::int as n from t')).rows).toEqual([{ n: 5_000 }]);
  });

  test('F71 a COPY that nobody reads yet hears that its connection is gone', async () => {
    const url = new URL(inject('postgresUrl'));
    const proxy = await startFaultProxy({ host: url.hostname, port: Number(url.port) });
    await using pool = new Pool({ connectionString: proxy.url(url.href), max: 1, ...options });
    for (const how of ['reset', 'fin'] as const) {
      const client = await pool.connect();
      client.on('error', () => {});
      const rows = client.query(copyTo('copy (select pg_sleep(60)) to stdout'));
      const failed = new Promise<Error>((resolve) => rows.on('error', resolve));
      await new Promise((resolve) => setTimeout(resolve, 50));
      proxy.cutAll(how);
      expect((await failed).message).toMatch(/ECONNRESET|terminated/);
      client.release(true);
    }
    await proxy.close();
  });

  test('F73 a flood of notices does no harm', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using pool = new Pool({ connectionString: database.url, ...options, max: 1 });
    const client = await pool.connect();
    let notices = 0;
    client.on('notice', () => void notices++);
    await client.query("do $$ begin for i in 1..5000 loop raise notice 'n %', i; end loop; end $$");
    client.removeAllListeners('notice');
    client.release();
    expect(notices).toBe(5_000);
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });
});
