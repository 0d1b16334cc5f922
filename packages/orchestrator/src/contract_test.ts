import { Pool } from '@fynlo/pool-core';
import type {
  EvictablePool,
  ObservablePool,
  PoolObserver,
  ResizablePool,
} from '@fynlo/pool-core/contract';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';

/** Assigning is the test: what attaches to a pool takes it as these. */
type Attachable = ObservablePool & ResizablePool & EvictablePool;

let pool: Pool;
let attachable: Attachable;
beforeEach(() => {
  pool = new Pool({ connectionString: inject('postgresUrl'), maxConnections: 4 });
  pool.on('error', () => undefined);
  attachable = pool;
});
afterEach(() => pool.end({ graceMs: 500 }));

describe('what guard and optimizer need of Pool', () => {
  it('tells an observer of every checkout and its end, and nothing after it was taken off', async () => {
    const told: string[] = [];
    const observer: PoolObserver = {
      tracksLeases: true,
      acquired: ({ lease, waitedMs }) => {
        expect(lease).toBeTypeOf('object');
        expect(waitedMs).toBeGreaterThanOrEqual(0);
        told.push('acquired');
      },
      released: () => void told.push('released'),
      created: () => void told.push('created'),
    };
    const end = attachable.observe(observer);
    await pool.withConnection((client) => client.query('select 1'));
    end();
    await pool.withConnection((client) => client.query('select 1'));
    expect(told.filter((event) => event !== 'created')).toEqual(['acquired', 'released']);
    expect(told).toContain('created');
  });

  it('counts what it does', async () => {
    await Promise.all(
      Array.from({ length: 8 }, () => pool.withConnection((client) => client.query('select 1'))),
    );
    const stats = attachable.stats();
    expect(stats).toMatchObject({ acquires: 8, releases: 8, leased: 0, waiting: 0, max: 4 });
    expect(stats.size).toBe(
      stats.connecting +
        stats.idle +
        stats.leased +
        stats.resetting +
        stats.probing +
        stats.closing,
    );
  });

  it('changes its bounds while it runs, and closes what is idle above the minimum', async () => {
    await pool.warm(3);
    attachable.resize({ min: 1, max: 6 });
    expect(attachable.stats()).toMatchObject({ min: 1, max: 6 });
    expect(attachable.evictIdle()).toBe(2);
  });

  it('takes a lease back, and knows one that is not out', async () => {
    const lease = await pool.getConnection();
    expect(attachable.reclaim(lease.id, 'the test says so')).toBe(true);
    expect(attachable.reclaim(lease.id, 'again')).toBe(false);
    expect(() => lease.connection).toThrow();
  });
});
