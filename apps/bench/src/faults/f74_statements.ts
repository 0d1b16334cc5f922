import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf } from './error_causes.ts';
import { atMost, exactly, type Fault } from './fault.ts';
import { within } from './within.ts';

export const cancelRace: Fault = {
  id: 'F74',
  name: 'cancel-race',
  happens: 'statements are cancelled just as they end, and others follow on the same connection',
  must: 'never cancel the next statement, and stop on the server what is cancelled',
  criteria: [
    exactly('hits', 0, 'later statements that were cancelled'),
    atMost(
      'stoppedMs',
      1_500,
      'ms',
      'a statement of 8 s, cancelled after 0.1 s, is gone from the server after',
    ),
  ],
  limitMs: { quick: 30_000, full: 60_000 },
  async run(bench) {
    const url = await bench.database();
    // Two: some libraries send the cancel over a second connection of the pool.
    const pool = await bench.open({ databaseUrl: url, max: 2, acquireTimeoutMs: 5_000 });
    await Promise.all([pool.query('select pg_sleep(0.05)'), pool.query('select pg_sleep(0.05)')]);
    let hits = 0;
    for (let i = 0; i < (bench.isFull ? 500 : 120); i++) {
      const cancelled = answerOf(
        pool.stoppedAfter('select pg_sleep(0.012)', Math.round(8 + 8 * bench.random())),
      );
      const next = cancelled.then(() =>
        Promise.all([1, 2].map(() => answerOf(pool.query('select pg_sleep(0.003)')))),
      );
      hits += (await next).filter(({ error }) => error !== undefined).length;
    }
    const from = performance.now();
    const long = answerOf(pool.stoppedAfter('select pg_sleep(8)', 100));
    let stoppedMs = Number.POSITIVE_INFINITY;
    await sleep(200);
    await bench.administer(url, async (client) => {
      while (performance.now() - from < 4_000) {
        const { rows } = await client.query(
          `select 1 from pg_stat_activity where datname = current_database() and state = 'active' and query = 'select pg_sleep(8)'`,
        );
        if (rows.length === 0) {
          stoppedMs = performance.now() - from;
          return;
        }
        await sleep(25);
      }
    });
    await within(9_000, long);
    return { hits, stoppedMs };
  },
};

const MAX = 3;

export const changedTable: Fault = {
  id: 'F76',
  name: 'changed-table',
  happens: 'a column is added to a table that prepared statements read (0A000)',
  must: 'recover by itself: at most one error for each connection, then the new rows',
  criteria: [
    atMost('errors', MAX, '', 'errors'),
    exactly('laterErrors', 0, 'errors once each connection could have learned'),
    exactly('stale', 0, 'later answers without the new column'),
  ],
  async run(bench) {
    const url = await bench.database();
    await bench.administer(url, (client) =>
      client.query('create table things as select 1 as a, pg_sleep(0)::text as b'),
    );
    const pool = await bench.open({ databaseUrl: url, max: MAX, acquireTimeoutMs: 5_000 });
    const text = 'select *, pg_sleep(0.02)::text as slept from things where a = $1';
    const all = (): Promise<Awaited<ReturnType<typeof answerOf<readonly object[]>>>[]> =>
      Promise.all(Array.from({ length: 2 * MAX }, () => answerOf(pool.prepared(text, [1]))));
    await all();
    await all();
    await bench.administer(url, (client) => client.query('alter table things add column c int'));
    const first = [...(await all()), ...(await all())];
    const later = [...(await all()), ...(await all())];
    const failed = (answers: typeof first): number =>
      answers.filter(({ error }) => error !== undefined).length;
    return {
      errors: failed(first) + failed(later),
      laterErrors: failed(later),
      stale: later.filter(({ value }) => value !== undefined && !('c' in (value[0] ?? {}))).length,
    };
  },
};
