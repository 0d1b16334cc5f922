import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultProxy } from '@fynlo/services/fault-proxy';
import { atLeast, atMost, exactly, type Fault } from './fault.ts';
import type { FaultCase } from './fault_case.ts';
import type { FaultClient } from './fault_subject.ts';
import type { TrackedPool } from './tracked_pool.ts';
import { within } from './within.ts';

const ACCOUNTS = 20;
const OPENING = 1_000;
const CALLERS = 8;
const MAX = 5;
const AFTER_MS = 6_000;

export const soak: Fault = {
  id: 'F82',
  name: 'soak',
  happens:
    'for 24 s (full: 10 min) faults strike at random, by the seed: resets, terminated backends, outages, lost networks, slow ones; 8 callers move money meanwhile',
  must: 'lose no transfer, double none, and serve everybody when it is over',
  criteria: [
    atLeast('transfers', 100, '', 'transfers confirmed'),
    exactly('lost', 0, 'confirmed transfers that are not in the books'),
    exactly('doubled', 0, 'transfers that are in the books twice'),
    exactly('outOfBalance', 0, 'accounts whose balance is not that of their transfers'),
    exactly('unserved', 0, 'callers unserved 6 s after the last fault'),
    atMost('heapMb', 30, 'MB', 'heap grown from the first third to the end'),
  ],
  nodeFlags: ['--expose-gc'],
  limitMs: { quick: 60_000, full: 660_000 },
  async run(bench) {
    const database = await bench.database();
    await bench.administer(database, (client) =>
      client.query(`
        create table account (id int primary key, balance int not null);
        create table transfer (id int not null, "from" int not null, "to" int not null, amount int not null);
        insert into account select id, ${OPENING} from generate_series(1, ${ACCOUNTS}) id`),
    );
    const { proxy, url } = await bench.proxy(database);
    const pool = await bench.open({ databaseUrl: url, max: MAX, acquireTimeoutMs: 4_000 });
    const bank = new Bank(bench, pool);
    const forMs = bench.isFull ? 600_000 : 24_000;
    const begun = performance.now();
    let early = Number.NaN;
    while (performance.now() - begun < forMs) {
      const way = FAULTS[Math.floor(bench.random() * FAULTS.length)] as Strike;
      await way(bench, proxy, database);
      proxy.set('pass');
      await sleep(500 + 1_000 * bench.random());
      if (Number.isNaN(early) && performance.now() - begun > forMs / 3) early = heapMb();
    }
    const overAt = performance.now();
    await sleep(AFTER_MS);
    const unserved = bank.unservedSince(overAt);
    await within(5_000, bank.stop());
    // What the server still does for connections that are gone ends first.
    await sleep(500);
    return { ...(await bank.audit(database)), unserved, heapMb: heapMb() - early };
  },
};

type Strike = (bench: FaultCase, proxy: FaultProxy, database: string) => Promise<void>;

const FAULTS: readonly Strike[] = [
  async (_, proxy) => proxy.cutAll('reset'),
  async (bench, _, database) => {
    const pids = (await bench.backends(database)).filter(() => bench.random() < 0.6);
    await bench.administer(database, (client) =>
      client.query('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [pids]),
    );
  },
  async (bench, proxy) => {
    proxy.set('refuse');
    proxy.cutAll('fin');
    await sleep(500 + 1_500 * bench.random());
  },
  async (bench, proxy) => {
    proxy.set('blackhole', { fresh: false });
    await sleep(1_000 + 2_500 * bench.random());
    proxy.cutAll('reset');
  },
  async (bench, proxy) => {
    proxy.set('delay', { delayMs: 20, jitterMs: 15, seed: bench.seed });
    await sleep(1_500);
  },
  async (_, proxy) => {
    proxy.set('half-open', { fresh: false });
    await sleep(50);
  },
];

/** Moves money between accounts, one transaction each, and remembers which were confirmed. */
class Bank {
  readonly #bench: FaultCase;
  readonly #confirmed = new Set<number>();
  readonly #lastServed = new Float64Array(CALLERS);
  readonly #loops: Promise<void>[];
  #next = 0;
  #stopped = false;

  constructor(bench: FaultCase, pool: TrackedPool) {
    this.#bench = bench;
    this.#loops = Array.from({ length: CALLERS }, (_, caller) => this.#call(pool, caller));
  }

  unservedSince(at: number): number {
    return this.#lastServed.filter((time) => time < at).length;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }

  audit(
    url: string,
  ): Promise<{ transfers: number; lost: number; doubled: number; outOfBalance: number }> {
    return this.#bench.administer(url, async (client) => {
      const ledger = await client.query<{ id: number; n: number }>(
        'select id, count(*)::int n from transfer group by id',
      );
      const there = new Map(ledger.rows.map(({ id, n }) => [id, n]));
      const accounts = await client.query(`
        select a.id from account a where a.balance <> ${OPENING}
          + coalesce((select sum(amount) from transfer where "to" = a.id), 0)
          - coalesce((select sum(amount) from transfer where "from" = a.id), 0)`);
      return {
        transfers: this.#confirmed.size,
        lost: [...this.#confirmed].filter((id) => !there.has(id)).length,
        doubled: [...there.values()].filter((n) => n > 1).length,
        outOfBalance: accounts.rows.length,
      };
    });
  }

  async #call(pool: TrackedPool, caller: number): Promise<void> {
    while (!this.#stopped) {
      const id = this.#next++;
      // In the order of the accounts, so that none waits for another in a circle.
      const from = 1 + (id % (ACCOUNTS - 1));
      const to = from + 1;
      try {
        await pool.using((client) => transfer(client, id, from, to));
        this.#confirmed.add(id);
        this.#lastServed[caller] = performance.now();
        await sleep(5);
      } catch {
        await sleep(50);
      }
    }
  }
}

/** As every library's documentation has it: rolled back after an error. */
async function transfer(
  { query }: FaultClient,
  id: number,
  from: number,
  to: number,
): Promise<void> {
  try {
    await query('begin');
    await query('update account set balance = balance - 1 where id = $1', [from]);
    await query('update account set balance = balance + 1 where id = $1', [to]);
    await query('insert into transfer values ($1, $2, $3, 1)', [id, from, to]);
    await query('commit');
  } catch (error) {
    await query('rollback').catch(() => undefined);
    throw error;
  }
}

function heapMb(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 2 ** 20;
}
