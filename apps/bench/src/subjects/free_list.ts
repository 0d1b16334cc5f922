import { EventEmitter } from 'node:events';
import type { Client, Pool as PgPool } from 'pg';
import type { PoolKind } from './bench_pool.ts';
import { stubClient } from './stub_client.ts';
import type { StubPoolKind } from './stub_pools.ts';

type Callback<C> = (error: undefined, client: C, release: () => void) => void;

interface Waiting<C> {
  readonly callback: Callback<C>;
  next: Waiting<C> | undefined;
}

/**
 * What no pool can cost less than: a stack of clients, a linked queue of callers, pg-pool's two events and a release that
 * works once. It has no limits of time, keeps no count, cleans nothing and closes nothing.
 */
class FreeList<C> extends EventEmitter {
  readonly #idle: C[];
  #first: Waiting<C> | undefined;
  #last: Waiting<C> | undefined;

  constructor(clients: C[]) {
    super();
    this.#idle = clients;
  }

  connect(callback: Callback<C>): void {
    const client = this.#idle.pop();
    if (client !== undefined) {
      process.nextTick(() => this.#lend(client, callback));
      return;
    }
    const waiting: Waiting<C> = { callback, next: undefined };
    if (this.#last === undefined) this.#first = waiting;
    else this.#last.next = waiting;
    this.#last = waiting;
  }

  #lend(client: C, callback: Callback<C>): void {
    this.emit('acquire', client);
    let released = false;
    callback(undefined, client, () => {
      if (released) throw new Error('released twice');
      released = true;
      this.emit('release', undefined, client);
      const waiting = this.#first;
      if (waiting === undefined) {
        this.#idle.push(client);
        return;
      }
      this.#first = waiting.next;
      if (waiting.next === undefined) this.#last = undefined;
      this.#lend(client, waiting.callback);
    });
  }

  async end(): Promise<void> {}
}

export const stubFreeList: StubPoolKind = {
  name: 'free list',
  settings: 'a stack of stub clients and a queue of callers, nothing else: the floor',
  async open(times, { max }) {
    const client = stubClient(times);
    const pool = new FreeList(Array.from({ length: max }, () => new client()));
    return { pool: pool as unknown as PgPool, client, warm: async () => {} };
  },
};

/** The same over connections, as far as one-shot queries go: it opens them all beforehand and never another. */
export const freeListPool: PoolKind = {
  name: 'free list',
  settings:
    'a stack of pg clients and a queue of callers, nothing else: what no pool over pg does without',
  async open({ databaseUrl, connections }) {
    const { default: pg } = await import('pg');
    const clients = Array.from(
      { length: connections },
      () => new pg.Client({ connectionString: databaseUrl }),
    );
    await Promise.all(clients.map((client) => client.connect()));
    const list = new FreeList<Client>([...clients]);
    return {
      query: (text, values) =>
        new Promise((resolve, reject) => {
          list.connect((_, client, release) => {
            client.query(text, values as unknown[], (error: Error | null, result) => {
              release();
              if (error) reject(error);
              else resolve(result.rows);
            });
          });
        }),
      withConnection: (work) =>
        new Promise((resolve, reject) => {
          list.connect((_, client, release) => {
            const query = async (text: string, values?: readonly unknown[]) =>
              (await client.query(text, values as unknown[])).rows;
            work(query).finally(release).then(resolve, reject);
          });
        }),
      opened: () => connections,
      async end() {
        await Promise.all(clients.map((client) => client.end()));
      },
    };
  },
};
