import { EventEmitter } from 'node:events';
import type { Pool as PgPool } from 'pg';
import { stubClient } from './stub_client.ts';
import type { StubPoolKind } from './stub_pools.ts';

type Callback = (error: undefined, client: EventEmitter, release: () => void) => void;

interface Waiting {
  readonly callback: Callback;
  next: Waiting | undefined;
}

/**
 * What no pool can cost less than: a stack of clients, a linked queue of callers, pg-pool's two events and a release that
 * works once. It has no limits of time, keeps no count, cleans nothing and closes nothing.
 */
class FreeList extends EventEmitter {
  readonly #idle: EventEmitter[];
  #first: Waiting | undefined;
  #last: Waiting | undefined;

  constructor(clients: EventEmitter[]) {
    super();
    this.#idle = clients;
  }

  connect(callback: Callback): void {
    const client = this.#idle.pop();
    if (client !== undefined) {
      process.nextTick(() => this.#lend(client, callback));
      return;
    }
    const waiting: Waiting = { callback, next: undefined };
    if (this.#last === undefined) this.#first = waiting;
    else this.#last.next = waiting;
    this.#last = waiting;
  }

  #lend(client: EventEmitter, callback: Callback): void {
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
