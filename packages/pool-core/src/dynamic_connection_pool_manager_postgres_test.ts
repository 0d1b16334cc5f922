import { createDatabase } from '@fynlo/services/database';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  ConnectFailedError,
  type ConnectionFactory,
  DynamicConnectionPoolManager,
} from './manager.ts';

/** What anybody would write for a plain pg Client. */
function clients(url: string, application: string): ConnectionFactory<pg.Client> {
  return {
    async create(signal, lost) {
      const client = new pg.Client({ connectionString: url, application_name: application });
      client.on('error', lost);
      client.on('end', () => lost());
      signal.addEventListener('abort', () => void client.end().catch(() => undefined));
      await client.connect();
      return client;
    },
    destroy: (client) => client.end(),
    validate: async (client) => {
      await client.query('select 1');
      return true;
    },
    isBusy: (client) => client.activeQuery !== null,
    classify: (error) => {
      const { code = '' } = error as { code?: string };
      if (code === '53300') return 'server-limit';
      return /^(28|3D|42)/.test(code) ? 'fatal' : 'retryable';
    },
  };
}

describe('real PostgreSQL clients', () => {
  let url = '';
  let drop: () => Promise<void>;

  beforeAll(async () => {
    const database = await createDatabase(inject('postgresUrl'));
    url = database.url;
    drop = () => database.drop();
  });
  afterAll(async () => {
    await drop();
  });

  const backends = async (application: string): Promise<number> => {
    const client = new pg.Client(url);
    await client.connect();
    const { rows } = await client.query(
      'select count(*)::int as n from pg_stat_activity where application_name = $1',
      [application],
    );
    await client.end();
    return rows[0].n;
  };

  it('P8 measure', async () => {
    for (const max of [50, 500]) {
      const t0 = performance.now();
      const pool = new DynamicConnectionPoolManager({
        factory: clients(url, `m${max}`),
        minConnections: 0,
        maxConnections: max,
      });
      const lat: number[] = [];
      await Promise.all(
        Array.from({ length: 1000 }, async () => {
          await pool.withConnection((c) => c.query('select 1'));
          lat.push(performance.now() - t0);
        }),
      );
      console.log(
        'ours',
        max,
        'first',
        Math.min(...lat),
        'all',
        Math.max(...lat),
        'opened',
        pool.stats().created,
        pool.stats().create,
      );
      await pool.end();
      const t1 = performance.now();
      const p = new pg.Pool({ connectionString: url, max });
      const l2: number[] = [];
      await Promise.all(
        Array.from({ length: 1000 }, async () => {
          const c = await p.connect();
          await c.query('select 1');
          c.release();
          l2.push(performance.now() - t1);
        }),
      );
      console.log(
        'pg',
        max,
        'first',
        Math.min(...l2),
        'all',
        Math.max(...l2),
        'opened',
        p.totalCount,
      );
      await p.end();
    }
  }, 60_000);

  it('P15 measure', async () => {
    const pool = new DynamicConnectionPoolManager({
      factory: clients(url, 'm15'),
      minConnections: 10,
      maxConnections: 500,
    });
    await pool.start();
    let stop = false;
    let done = 0;
    const t0 = performance.now();
    let reached = 0;
    const watch = setInterval(() => {
      if (!reached && pool.pool.leased >= 490) reached = performance.now() - t0;
    }, 20);
    const loops = Promise.all(
      Array.from({ length: 500 }, async () => {
        while (!stop) {
          await pool.withConnection(async (c) => {
            await c.query('begin');
            await c.query('select 1');
            await new Promise((r) => setTimeout(r, 200));
            await c.query('commit');
          });
          done++;
        }
      }),
    );
    await new Promise((r) => setTimeout(r, 6000));
    console.log(
      'P15 reached',
      reached,
      'size',
      pool.stats().size,
      'backends',
      await backends('m15'),
      'done',
      done,
      pool.explain(),
    );
    stop = true;
    clearInterval(watch);
    await loops;
    await pool.end();
  }, 60_000);
});
