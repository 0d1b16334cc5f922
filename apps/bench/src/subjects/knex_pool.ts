import type { BenchPool, PoolKind } from './bench_pool.ts';
import { SplitSampler } from './split_sampler.ts';

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
    const sampler = new SplitSampler();
    watch(db.client.pool, sampler);
    // knex writes parameters as `?` and turns them into $1, $2 itself.
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
      split: () => sampler.split(),
      end: () => db.destroy(),
    };
  },
};

/** The events of tarn, knex's pool. */
interface Tarn {
  on(event: 'acquireRequest' | 'createRequest', listener: (id: number) => void): void;
  on(
    event: 'acquireSuccess' | 'createSuccess',
    listener: (id: number, connection: object) => void,
  ): void;
  on(event: 'release', listener: (connection: object) => void): void;
}

function watch(tarn: Tarn, sampler: SplitSampler): void {
  const asked = new Map<number, number>();
  const got = new Map<object, number>();
  tarn.on('acquireRequest', (id) => {
    if (sampler.due()) asked.set(id, performance.now());
  });
  tarn.on('acquireSuccess', (id, connection) => {
    const since = asked.get(id);
    if (since === undefined) return;
    asked.delete(id);
    const now = performance.now();
    sampler.waited(now - since);
    got.set(connection, now);
  });
  tarn.on('release', (connection) => {
    const since = got.get(connection);
    if (since === undefined) return;
    got.delete(connection);
    sampler.used(performance.now() - since);
  });
  const creating = new Map<number, number>();
  tarn.on('createRequest', (id) => creating.set(id, performance.now()));
  tarn.on('createSuccess', (id) => {
    const since = creating.get(id);
    if (since !== undefined) sampler.created(performance.now() - since);
    creating.delete(id);
  });
}
