import { type FaultProxy, startFaultProxy } from '@fynlo/services/fault-proxy';
import { expect, inject, test } from 'vitest';
import { delay } from './_pg_conformance.ts';
import { type ProxiedLanes, proxiedLanes } from './_pg_lanes_fixture.ts';
import { seeded } from './_simulation_fixture.ts';

/** Both may be set to repeat, or lengthen, a run. */
const seed = Number(process.env['FYNLO_SEED'] ?? Date.now() % 1_000_000);
const seconds = Number(process.env['FYNLO_SOAK_SECONDS'] ?? 5);

/** One query: what it may come to, and what it did. */
interface Asked {
  readonly id: number;
  readonly writes: boolean;
  settled: number;
  outcome: string;
  /** Whether it may have been executed although it failed. */
  maybe: boolean;
}

/** Answers a query can get when a fault hits it or its caller gives up. */
const EXPECTED =
  /^(?:22012|23505|42703|57014|57P01|ERR_POOL_CONNECTION_LOST|ERR_POOL_QUERY_ABORTED|ERR_POOL_ACQUIRE_ABORTED|ECONNRESET|Connection terminated unexpectedly|Query read timeout)$/;

async function disturb(
  { proxy, aside }: ProxiedLanes<FaultProxy>,
  random: () => number,
  until: number,
): Promise<number> {
  let faults = 0;
  while (performance.now() < until) {
    await delay(50 + random() * 250);
    const kind = random();
    faults++;
    if (kind < 0.5) {
      await aside.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = 'lanes soak' order by random() limit 1`,
      );
    } else if (kind < 0.8) proxy.cutAll(random() < 0.5 ? 'reset' : 'fin');
    else {
      proxy.set('blackhole', { existing: true, fresh: false });
      await delay(random() * 800);
      proxy.set('pass');
    }
  }
  return faults;
}

test(
  `every query is settled once, with its own rows, whatever happens (seed ${seed}, ${seconds} s)`,
  async () => {
    const random = seeded(seed);
    await using setting = await proxiedLanes(startFaultProxy, inject('postgresUrl'), {
      max: 6,
      prepare: 'auto',
      silenceTimeoutMs: 300,
      application_name: 'lanes soak',
      pipelining: { window: 8, lingerMs: 10 },
    });
    const { pool, aside } = setting;
    await aside.query('drop table if exists lanes_soak; create table lanes_soak (id int)');
    await aside.query(
      'drop table if exists lanes_once; create table lanes_once (id int primary key)',
    );
    await aside.query('insert into lanes_once values (1)');
    const asked: Asked[] = [];
    const wrong: string[] = [];
    const end = performance.now() + seconds * 1_000;

    function ask(text: string, values: unknown[], query: Asked, more: object): Promise<void> {
      return new Promise((resolve) => {
        void pool.query({ text, values, ...more } as never, (error: Error | null, result) => {
          query.settled++;
          if (error) {
            const { code, maybeExecuted } = error as Error & {
              code?: string;
              maybeExecuted?: boolean;
            };
            query.outcome = code ?? error.message;
            query.maybe = maybeExecuted ?? !/^[0-9A-Z]{5}$/.test(code ?? '');
            // The session was ended under it, or as it began.
            if (code === '57P01') query.maybe = true;
            if (!EXPECTED.test(query.outcome)) wrong.push(`${query.id}: ${error.stack}`);
          } else {
            query.outcome = 'rows';
            const [row] = result.rows as unknown as { id: number }[];
            if (row?.id !== query.id) wrong.push(`${query.id} was given ${JSON.stringify(row)}`);
          }
          resolve();
        });
      });
    }

    async function caller(): Promise<void> {
      while (performance.now() < end) {
        const kind = random();
        const query: Asked = {
          id: asked.length + 1,
          writes: kind < 0.3,
          settled: 0,
          outcome: 'none',
          maybe: false,
        };
        asked.push(query);
        const { id } = query;
        const abort = new AbortController();
        const gives = random() < 0.1;
        if (gives) setTimeout(() => abort.abort(new Error('gave up')), random() * 30).unref();
        const more = gives ? { signal: abort.signal } : {};
        if (kind < 0.3)
          await ask('insert into lanes_soak values ($1) returning id', [id], query, more);
        else if (kind < 0.36) await ask('select $1::int as id, pg_sleep(0.03)', [id], query, more);
        else if (kind < 0.4) await ask('select $1::int as id, pg_sleep(0.004)', [id], query, more);
        else if (kind < 0.45) await ask('select $1::int / 0 as id', [id], query, more);
        else if (kind < 0.5) await ask('insert into lanes_once values (1)', [], query, more);
        else if (kind < 0.52) await ask('select nonsense', [], query, more);
        else if (kind < 0.56) {
          await ask("select $1::int as id, repeat('x', 200000) as much", [id], query, more);
        } else if (kind < 0.6) {
          await ask("select $1::int as id, set_config('a.b', 'c', true)", [id], query, more);
        } else if (kind < 0.63) {
          await ask('select $1::int as id, pg_sleep(0.2)', [id], query, { query_timeout: 40 });
        } else await ask('select $1::int as id', [id], query, more);
      }
    }

    const faults = disturb(setting, random, end - 500);
    await Promise.all(Array.from({ length: 24 }, caller));
    expect(await faults).toBeGreaterThan(seconds);
    const { lanes } = pool.stats();
    await pool.end({ graceMs: 2_000 });
    // What the server still works on for connections that are gone.
    await delay(300);

    expect(wrong).toEqual([]);
    expect(asked.filter(({ settled }) => settled !== 1)).toEqual([]);
    const written = new Map<number, number>();
    const { rows } = await aside.query('select id, count(*)::int as n from lanes_soak group by id');
    for (const { id, n } of rows) written.set(id, n);
    const misplaced = asked.filter(({ id, writes, outcome, maybe }) => {
      const times = written.get(id) ?? 0;
      if (!writes) return times !== 0;
      if (outcome === 'rows') return times !== 1;
      return maybe ? times > 1 : times !== 0;
    });
    expect(misplaced).toEqual([]);
    const answered = asked.filter(({ outcome }) => outcome === 'rows').length;
    console.log(
      `${asked.length} queries, ${answered} answered, ${lanes?.shared} shared, ${lanes?.retried} sent again, ${lanes?.cancelled} cancelled`,
    );
    expect(lanes?.shared).toBeGreaterThan(asked.length / 4);
    expect(answered).toBeGreaterThan(asked.length / 4);
    await aside.query('drop table lanes_soak; drop table lanes_once');
  },
  seconds * 1_000 + 60_000,
);
