import type { BenchPool, PoolKind } from './bench_pool.ts';

export const knexPool: PoolKind = {
  name: 'knex',
  settings: 'knex 3.3 on tarn, min 0 as its documentation advises, max = connections',
  async open({ databaseUrl, connections, acquireTimeoutMs }) {
    const { default: knex } = await import('knex');
    let opened = 0;
    const db = knex({
      client: 'pg',
      connection: databaseUrl,
      acquireConnectionTimeout: acquireTimeoutMs ?? 60_000,
      pool: {
        min: 0,
        max: connections,
        afterCreate: (_: unknown, done: (error: Error | undefined) => void) => {
          opened++;
          done(undefined);
        },
      },
    });
    // knex writes placeholders as `?` and turns them into $1, $2 itself.
    const raw = (text: string): string => text.replaceAll(/\$\d+/g, '?');
    const query: BenchPool['query'] = async (text, values = []) =>
      (await db.raw(raw(text), values as never[])).rows;
    return {
      query,
      withConnection: (work) =>
        db.transaction((trx) =>
          work(async (text, values = []) => (await trx.raw(raw(text), values as never[])).rows),
        ),
      opened: () => opened,
      end: () => db.destroy(),
    };
  },
};
