/**
 * A workload on lanes that a seed alone determines, faults that come by how many queries were asked, and the oracle: each query is
 * settled once, with its own rows, and executed as it says.
 *
 * @module
 */
import type { FaultProxy } from '@fynlo/services/fault-proxy';
import { expect } from 'vitest';
import { delay } from './_pg_conformance.ts';
import { seeded } from './_simulation_fixture.ts';
import type { Pool } from './pool.ts';

const CALLERS = 24;
/** Queries of each caller for each second that the soak is to take. */
const RATE = 40;

/** What a caller asks for, and what it gets when no fault comes in between. */
interface Kind {
  readonly text: (table: string) => string;
  /** Its error, where it must fail. */
  readonly code?: string;
  readonly writes?: true;
  readonly queryTimeoutMs?: number;
}

const KINDS: readonly (readonly [weight: number, kind: Kind])[] = [
  [37, { text: () => 'select $1::int as id' }],
  [30, { text: (table) => `insert into ${table} values ($1) returning id`, writes: true }],
  [6, { text: () => 'select $1::int as id, pg_sleep(0.03)' }],
  [4, { text: () => 'select $1::int as id, pg_sleep(0.004)' }],
  [5, { text: () => 'select $1::int / 0 as id', code: '22012' }],
  [5, { text: (table) => `insert into ${table} select -1 where $1 > 0`, code: '23505' }],
  [2, { text: () => 'select nonsense where $1 = 0', code: '42703' }],
  [4, { text: () => "select $1::int as id, repeat('x', 200000) as much" }],
  [4, { text: () => "select $1::int as id, set_config('a.b', 'c', true)" }],
  [3, { text: () => 'select $1::int as id, pg_sleep(0.2)', queryTimeoutMs: 40 }],
];
const ALL = KINDS.reduce((sum, [weight]) => sum + weight, 0);

function kindAt(share: number): Kind {
  let left = share * ALL;
  for (const [weight, kind] of KINDS) {
    left -= weight;
    if (left < 0) return kind;
  }
  throw new RangeError(`a share is less than 1, not ${share}`);
}

interface Asked {
  readonly id: number;
  readonly kind: Kind;
  readonly aborts: boolean;
  settled: number;
  outcome: string;
  /** Whether it may have been executed although it failed. */
  maybe: boolean;
}

/** What a query may come to when its connection is lost, also one behind a pooler. */
const LOST =
  /^(?:57P01|08P01|ERR_POOL_CONNECTION_LOST|ECONNRESET|Connection terminated unexpectedly)$/;
const READ_TIMEOUT = 'Query read timeout';
const GIVEN_UP = /^ERR_POOL_(?:QUERY|ACQUIRE)_ABORTED$/;

function mayComeTo({ kind, aborts }: Asked, outcome: string): boolean {
  if (outcome === (kind.code ?? 'rows') || LOST.test(outcome)) return true;
  if (kind.queryTimeoutMs !== undefined && outcome === READ_TIMEOUT) return true;
  return aborts && GIVEN_UP.test(outcome);
}

export interface SoakParts {
  readonly pool: Pool;
  /** Reaches the server itself. */
  readonly aside: Pool;
  /** In front of the pool. */
  readonly proxy: FaultProxy;
  /** The backends that are ended now and then: a condition on `pg_stat_activity`. */
  readonly backends: string;
  /** Those that can happen: a backend ends, all connections are cut, all fall silent (which is not found out behind a pooler). */
  readonly faults: readonly ('terminate' | 'cut' | 'silence')[];
  readonly seed: number;
  readonly seconds: number;
}

/** Leaves nothing behind. Ends the pool. */
export async function soakLanes(parts: SoakParts): Promise<void> {
  const { pool, aside, seed, seconds } = parts;
  const table = `lanes_soak_${process.pid}_${seed}`;
  await aside.query(
    `drop table if exists ${table}; create table ${table} (id int); insert into ${table} values (-1)`,
  );
  await aside.query(`create unique index on ${table} (id) where id < 0`);
  const each = Math.ceil(RATE * seconds);
  const asked: Asked[] = [];
  const wrong: string[] = [];
  const faults = new Faults(parts);

  function ask(query: Asked, more: object): Promise<void> {
    const { id, kind } = query;
    const config = { text: kind.text(table), values: [id], ...more };
    return new Promise((resolve) => {
      void pool.query(config as never, (error: Error | null, result) => {
        query.settled++;
        const { code, maybeExecuted } = (error ?? {}) as Record<string, unknown>;
        query.outcome =
          error === null || error === undefined ? 'rows' : String(code ?? error.message);
        if (error) {
          const silent = LOST.test(query.outcome) || query.outcome === READ_TIMEOUT;
          query.maybe = (maybeExecuted as boolean | undefined) ?? silent;
        } else if ((result.rows[0] as { id: number } | undefined)?.id !== id) {
          wrong.push(`query ${id} was given ${JSON.stringify(result.rows)}`);
        }
        if (!mayComeTo(query, query.outcome)) wrong.push(`query ${id}: ${error?.stack}`);
        resolve();
      });
    });
  }

  async function caller(number: number): Promise<void> {
    const random = seeded(seed * CALLERS + number);
    for (let i = 0; i < each; i++) {
      const kind = kindAt(random());
      const aborts = random() < 0.1;
      const afterMs = random() * 30;
      const id = number * each + i + 1;
      const query: Asked = { id, kind, aborts, settled: 0, outcome: 'none', maybe: false };
      asked.push(query);
      faults.at(asked.length);
      const abort = new AbortController();
      if (aborts) setTimeout(() => abort.abort(new Error('gave up')), afterMs).unref();
      await ask(query, {
        ...(aborts ? { signal: abort.signal } : {}),
        ...(kind.queryTimeoutMs === undefined ? {} : { query_timeout: kind.queryTimeoutMs }),
      });
    }
  }

  await Promise.all(Array.from({ length: CALLERS }, (_, number) => caller(number)));
  await faults.over();
  const { lanes } = pool.stats();
  await pool.end({ graceMs: 2_000 });
  // What the server still works on for connections that are gone.
  await delay(300);

  const replay = `seed ${seed}, ${seconds} s`;
  expect(wrong, replay).toEqual([]);
  expect(
    asked.filter(({ settled }) => settled !== 1),
    replay,
  ).toEqual([]);
  const written = new Map<number, number>();
  const { rows } = await aside.query(`select id, count(*)::int as n from ${table} group by id`);
  for (const { id, n } of rows) written.set(id, n);
  const misplaced = asked.filter(({ id, kind, outcome, maybe }) => {
    const times = written.get(id) ?? 0;
    if (kind.writes === undefined) return times !== 0;
    if (outcome === 'rows') return times !== 1;
    return maybe ? times > 1 : times !== 0;
  });
  expect(misplaced, replay).toEqual([]);
  const answered = asked.filter(({ outcome }) => outcome === 'rows').length;
  console.log(
    `${replay}: ${asked.length} queries, ${faults.count} faults, ${answered} answered, ${lanes?.shared} shared, ${lanes?.retried} sent again, ${lanes?.cancelled} cancelled`,
  );
  // It is worth something only if lanes were used, and faults hit them.
  expect(faults.count, replay).toBeGreaterThan(seconds);
  expect(lanes?.shared, replay).toBeGreaterThan(asked.length / 4);
  expect(answered, replay).toBeGreaterThan(asked.length / 4);
  await aside.query(`drop table ${table}`);
}

/** One fault after the other, each when so many queries were asked. */
class Faults {
  readonly #parts: SoakParts;
  readonly #random: () => number;
  #next: number;
  #under: Promise<void> = Promise.resolve();
  count = 0;

  constructor(parts: SoakParts) {
    this.#parts = parts;
    this.#random = seeded(parts.seed * CALLERS - 1);
    this.#next = this.#gap();
  }

  #gap(): number {
    return Math.round(60 + this.#random() * 300);
  }

  at(asked: number): void {
    if (asked < this.#next) return;
    this.#next = asked + this.#gap();
    this.count++;
    const [kind, how, ms] = [this.#random(), this.#random(), this.#random() * 800];
    this.#under = this.#under.then(() => this.#inflict(kind, how, ms));
  }

  over(): Promise<void> {
    return this.#under;
  }

  async #inflict(kind: number, how: number, ms: number): Promise<void> {
    const { proxy, aside, backends, faults } = this.#parts;
    const fault = kind < 0.5 ? 'terminate' : kind < 0.85 ? 'cut' : 'silence';
    if (fault === 'terminate' || !faults.includes(fault)) {
      await aside.query(
        `select pg_terminate_backend(pid) from (select pid, row_number() over (order by pid) as n, count(*) over () as all_of
         from pg_stat_activity where ${backends}) one where n = 1 + floor($1::float8 * all_of)`,
        [how],
      );
    } else if (fault === 'cut') proxy.cutAll(how < 0.5 ? 'reset' : 'fin');
    else {
      proxy.set('blackhole', { existing: true, fresh: false });
      await delay(ms);
      proxy.set('pass');
    }
  }
}
