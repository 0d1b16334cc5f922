import { afterEach, describe, expect, inject, test } from 'vitest';
import type { AcquiringEvent } from './contract.ts';
import { Pool } from './pool.ts';

describe('observers of a Pool', () => {
  let pool: Pool;
  afterEach(() => pool[Symbol.asyncDispose]());

  test('hear of each acquire while its caller is on the stack, with its own frames to cut off', async () => {
    pool = new Pool({ connectionString: inject('postgresUrl'), max: 1 });
    const begun: { id: number; top: string }[] = [];
    const acquired: number[] = [];
    pool.observe({
      acquiring: ({ leaseId, entry }: AcquiringEvent) => {
        const holder: { stack?: string } = {};
        Error.captureStackTrace(holder, entry);
        begun.push({ id: leaseId, top: holder.stack?.split('\n')[1] ?? '' });
      },
      acquired: ({ leaseId }) => void acquired.push(leaseId),
    });
    await pool.query('select 1');
    const client = await pool.connect();
    const queued = [
      pool.query('select 1'),
      pool.withConnection(() => {}),
      pool.transaction(() => {}),
      pool.getConnection().then((lease) => lease.release()),
      pool.query({ text: 'select 1', signal: new AbortController().signal }),
    ];
    client.release();
    await Promise.all(queued);
    expect(begun).toHaveLength(7);
    for (const { top } of begun) expect(top).toContain('pg_observers_test');
    expect(acquired).toEqual(begun.map(({ id }) => id));
  });

  test('are given a lease only where its loss can be proven', async () => {
    for (const leases of [false, true]) {
      pool = new Pool({ connectionString: inject('postgresUrl'), max: 1, leases });
      const given: boolean[] = [];
      pool.observe({
        tracksLeases: true,
        acquired: ({ lease }) => void given.push(lease !== undefined),
      });
      const client = await pool.connect();
      const waiting = pool.connect();
      client.release();
      (await waiting).release();
      (await pool.connect()).release();
      await (await pool.getConnection()).release();
      expect(given).toEqual([leases, leases, leases, true]);
      await pool.end();
    }
  });
});
