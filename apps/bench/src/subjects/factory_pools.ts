import type { Client } from 'pg';
import type { BenchPool, PoolKind } from './bench_pool.ts';
import { SplitSampler } from './split_sampler.ts';

/** Pools of anything, given pg clients to keep. */
interface Lender {
  acquire(): Promise<Client>;
  release(client: Client): unknown;
  close(): Promise<unknown>;
}

type Connect = () => Promise<Client>;

export const genericPool: PoolKind = {
  name: 'generic-pool',
  settings: 'generic-pool 3.9 of pg clients, max = connections',
  open: (options) =>
    lending(options.databaseUrl, async (connect) => {
      const { createPool } = await import('generic-pool');
      const pool = createPool(
        { create: connect, destroy: (client: Client) => client.end() },
        {
          max: options.connections,
          ...(options.acquireTimeoutMs === undefined
            ? {}
            : { acquireTimeoutMillis: options.acquireTimeoutMs }),
        },
      );
      return {
        acquire: () => pool.acquire(),
        release: (client) => pool.release(client),
        close: async () => {
          await pool.drain();
          await pool.clear();
        },
      };
    }),
};

export const lightningPool: PoolKind = {
  name: 'lightning-pool',
  settings: 'lightning-pool 4.14 of pg clients, max = connections',
  open: (options) =>
    lending(options.databaseUrl, async (connect) => {
      const { createPool } = await import('lightning-pool');
      const pool = createPool<Client>(
        {
          create: connect,
          destroy: async (client) => client.end(),
          reset: async () => {},
          validate: async () => {},
        },
        {
          max: options.connections,
          min: 0,
          ...(options.acquireTimeoutMs === undefined
            ? {}
            : { acquireTimeoutMillis: options.acquireTimeoutMs }),
        },
      );
      pool.start();
      return {
        acquire: () => pool.acquire(),
        release: (client) => pool.releaseAsync(client),
        close: () => pool.closeAsync(),
      };
    }),
};

async function lending(
  databaseUrl: string,
  make: (connect: Connect) => Promise<Lender>,
): Promise<BenchPool> {
  const { default: pg } = await import('pg');
  let opened = 0;
  const sampler = new SplitSampler();
  const lender = await make(async () => {
    const client = new pg.Client({ connectionString: databaseUrl });
    client.on('error', () => {});
    const begun = performance.now();
    await client.connect();
    sampler.created(performance.now() - begun);
    opened++;
    return client;
  });
  const withConnection: BenchPool['withConnection'] = async (work) => {
    const timed = sampler.due();
    const asked = timed ? performance.now() : 0;
    const client = await lender.acquire();
    const got = timed ? performance.now() : 0;
    if (timed) sampler.waited(got - asked);
    try {
      return await work(
        async (text, values) => (await client.query(text, values as unknown[])).rows,
      );
    } finally {
      if (timed) sampler.used(performance.now() - got);
      await lender.release(client);
    }
  };
  return {
    query: (text, values) => withConnection((query) => query(text, values)),
    withConnection,
    opened: () => opened,
    split: () => sampler.split(),
    end: async () => void (await lender.close()),
  };
}
