/**
 * The addresses of one host of a list, in the order in which they are tried.
 */
import type { LookupFunction } from 'node:net';
import { inOrder, type Outcome } from './_host_policy.ts';
import { resolveAll } from './_pg_dial.ts';
import type { Hosts } from './_pg_hosts.ts';
import type { ServerBook } from './_server_book.ts';
import type { Clock } from './clock.ts';

export interface AddressesParts {
  readonly hosts: Hosts;
  readonly book: ServerBook;
  readonly clock: Clock;
  readonly lookup: LookupFunction | undefined;
  readonly random: () => number;
}

/** Asked for when the first socket needs them. */
export class Addresses {
  readonly #parts: AddressesParts;
  #asked: Promise<readonly string[]> | undefined;
  list: readonly string[] | undefined;

  constructor(parts: AddressesParts) {
    this.#parts = parts;
  }

  /** 1 while nobody knows. */
  get count(): number {
    return this.list?.length ?? 1;
  }

  of(host: string): Promise<readonly string[]> {
    this.#asked ??= this.#resolve(host);
    return this.#asked;
  }

  async #resolve(host: string): Promise<readonly string[]> {
    const { lookup, book, clock, hosts, random } = this.#parts;
    const found = await resolveAll(host, lookup);
    const outcomeOf = (address: string): Outcome | undefined => {
      for (const known of book.all()) {
        if (known.server.address === address && known.server.host === host) return known.outcome;
      }
      return undefined;
    };
    const now = clock.now();
    this.list = inOrder(found, outcomeOf, { now, random: hosts.loadBalance ? random : undefined });
    return this.list;
  }
}
