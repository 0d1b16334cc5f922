import type { BenchPool, PoolKind } from './bench_pool.ts';

export const postgresJs: PoolKind = {
  name: 'postgres.js',
  settings: 'postgres 3.4 defaults (pipelining, prepared statements), max = connections',
  async open({ databaseUrl, connections }) {
    const { default: postgres } = await import('postgres');
    let opened = 0;
    const sql = postgres(databaseUrl, {
      max: connections,
      onnotice: () => {},
      // The server reports its version once to each new connection; there is no hook for connects.
      onparameter: (key) => {
        if (key === 'server_version') opened++;
      },
    });
    const query: BenchPool['query'] = (text, values = []) =>
      sql.unsafe(text, values as never[], { prepare: true });
    return {
      query,
      async withConnection(work) {
        const reserved = await sql.reserve();
        try {
          return await work((text, values = []) =>
            reserved.unsafe(text, values as never[], { prepare: true }),
          );
        } finally {
          reserved.release();
        }
      },
      opened: () => opened,
      end: () => sql.end({ timeout: 5 }),
    };
  },
};
