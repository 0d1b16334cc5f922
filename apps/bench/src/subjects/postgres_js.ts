import type { BenchPool, PoolKind } from './bench_pool.ts';

export const postgresJs: PoolKind = {
  name: 'postgres.js',
  settings: 'postgres 3.4 defaults (pipelining, prepared statements), max = connections',
  async open({ databaseUrl, connections }) {
    const { default: postgres } = await import('postgres');
    const sql = postgres(databaseUrl, {
      max: connections,
      onnotice: () => {},
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
      opened: () => undefined,
      end: () => sql.end({ timeout: 5 }),
    };
  },
};
