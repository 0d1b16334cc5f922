import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf } from './error_causes.ts';
import { atMost, exactly, type Fault } from './fault.ts';
import { within } from './within.ts';

export const useAfterRelease: Fault = {
  id: 'F66',
  name: 'use-after-release',
  happens: 'a client is used after it was given back, and lent to another',
  must: 'refuse it',
  criteria: [exactly('refused', 1, 'the use is refused')],
  async run(bench) {
    const pool = await bench.open({
      databaseUrl: await bench.database(),
      max: 1,
      acquireTimeoutMs: 2_000,
      development: true,
    });
    const client = await pool.acquire();
    await client.release();
    const other = await pool.acquire();
    const { error } = await answerOf(Promise.resolve().then(() => client.query('select 1')));
    await other.release();
    return { refused: Number(error !== undefined) };
  },
};

export const nestedAcquires: Fault = {
  id: 'F67',
  name: 'nested-acquires',
  happens: 'two callers hold the only two clients, and each waits for a second one',
  must: 'find the deadlock within a second and show both places in the code',
  criteria: [
    atMost('foundMs', 1_000, 'ms', 'first of them told after'),
    exactly('places', 1, 'its error shows both places'),
    exactly('freed', 1, 'the other one is served then'),
  ],
  async run(bench) {
    const pool = await bench.open({
      databaseUrl: await bench.database(),
      max: 2,
      acquireTimeoutMs: 3_000,
      development: true,
    });
    let errors: unknown[] = [];
    let foundMs = Number.POSITIVE_INFINITY;
    let served = 0;
    const from = performance.now();
    async function caller(): Promise<void> {
      await pool.using(async () => {
        // Both hold one before either asks for another.
        await sleep(50);
        try {
          await pool.using(async () => undefined);
          served++;
        } catch (error) {
          errors = [...errors, error];
          foundMs = Math.min(foundMs, performance.now() - from - 50);
        }
      });
    }
    await within(5_000, Promise.all([caller(), caller()]));
    const told = errors[0] instanceof Error ? errors[0].message : '';
    const places = told.split('caller').length - 1;
    return { foundMs, places: Number(places >= 2), freed: Number(served === 1) };
  },
};

export const brokenHooks: Fault = {
  id: 'F68',
  name: 'broken-hooks',
  happens: 'the hook for new connections throws, then never ends, then works',
  must: 'tell callers in time, leave no half-made connection behind, and serve once it works',
  criteria: [
    exactly('told', 2, 'callers told an error'),
    atMost('slowestMs', 1_500, 'ms', 'told after'),
    exactly('left', 0, 'connections left behind'),
    exactly('served', 1, 'a caller is served once it works'),
  ],
  async run(bench) {
    const url = await bench.database();
    let hook: () => Promise<void> = () => Promise.reject(new Error('the hook threw'));
    const pool = await bench.open({
      databaseUrl: url,
      max: 2,
      acquireTimeoutMs: 1_000,
      onConnect: () => hook(),
    });
    const threw = await within(4_000, answerOf(pool.query('select 1')));
    hook = () => new Promise(() => undefined);
    const hung = await within(4_000, answerOf(pool.query('select 1')));
    const left = await bench.backendsBecome(url, () => 0, 1_500);
    hook = async () => undefined;
    const works = await within(3_000, answerOf(pool.query('select 1')));
    const told = [threw, hung].filter((answer) => answer?.error !== undefined);
    return {
      told: told.length,
      slowestMs: Math.max(...[threw, hung].map((a) => a?.takenMs ?? Number.POSITIVE_INFINITY)),
      left,
      served: Number(works !== undefined && works.error === undefined),
    };
  },
};

export const nobodyListens: Fault = {
  id: 'F69',
  name: 'nobody-listens',
  happens: 'connections die, idle ones and lent ones, and nobody listens to `error`',
  must: 'not end the process, and serve on',
  criteria: [exactly('laterErrors', 0, 'errors of callers afterwards')],
  async run(bench) {
    const url = await bench.database();
    const pool = await bench.open({
      databaseUrl: url,
      max: 4,
      acquireTimeoutMs: 3_000,
      listens: false,
    });
    const lent = await Promise.all([1, 2, 3, 4].map(() => pool.acquire()));
    for (const client of lent.slice(2)) await client.release();
    await bench.administer(url, (client) =>
      client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()`,
      ),
    );
    await sleep(500);
    for (const client of lent.slice(0, 2)) {
      await answerOf(client.query('select 1'));
      await client.release();
    }
    const later = await Promise.all(
      Array.from({ length: 10 }, () => answerOf(pool.query('select 1'))),
    );
    return { laterErrors: later.filter(({ error }) => error !== undefined).length };
  },
};
