import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { tells } from './error_causes.ts';
import type { FaultCase } from './fault_case.ts';
import type { ServerPair } from './server_pair.ts';
import type { TrackedPool } from './tracked_pool.ts';

const PAUSE_MS = 20;

/** Callers that write a line each, again and again, and know which were confirmed. */
export class Writers {
  readonly #loops: Promise<void>[];
  readonly #confirmed: { readonly note: string; readonly at: number }[] = [];
  /** When a write was refused because the server reads only (25006). */
  readonly readOnlyAt: number[] = [];
  errors = 0;
  #stopped = false;

  constructor(pool: TrackedPool, count: number) {
    this.#loops = Array.from({ length: count }, (_, writer) => this.#write(pool, writer));
  }

  /** How long after `at` the first write was confirmed, ms; Infinity: none was. */
  firstAfter(at: number): number {
    return (this.#confirmed.find((one) => one.at >= at)?.at ?? Number.POSITIVE_INFINITY) - at;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }

  /** Confirmed, and not there. */
  lostOf(client: pg.Client): Promise<number> {
    return missing(
      client,
      this.#confirmed.map(({ note }) => note),
    );
  }

  async #write(pool: TrackedPool, writer: number): Promise<void> {
    for (let n = 0; !this.#stopped; n++) {
      const note = `${writer}-${n}`;
      try {
        await pool.query('insert into ledger (note) values ($1)', [note]);
        this.#confirmed.push({ note, at: performance.now() });
      } catch (error) {
        this.errors++;
        if (tells(error, '25006')) this.readOnlyAt.push(performance.now());
      }
      await sleep(PAUSE_MS);
    }
  }
}

/** A primary and its standby, with the table that writers write to. */
export async function pairWithLedger(bench: FaultCase): Promise<ServerPair> {
  const pair = await bench.pair();
  await bench.administer(pair.url, (client) => client.query('create table ledger (note text)'));
  return pair;
}

/** Of these lines, how many are not in the ledger. */
export async function missing(client: pg.Client, notes: readonly string[]): Promise<number> {
  const { rows } = await client.query<{ note: string }>('select note from ledger');
  const there = new Set(rows.map(({ note }) => note));
  return notes.filter((note) => !there.has(note)).length;
}
