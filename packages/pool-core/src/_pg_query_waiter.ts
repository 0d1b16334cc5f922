/**
 * `pool.query()`, from the call to the answer.
 */
import type { AsyncResource } from 'node:async_hooks';
import type pg from 'pg';
import type { Entry } from './_entry.ts';
import {
  asCallerSees,
  giveBack,
  introduce,
  isSpared,
  type Lender,
  ownContext,
} from './_pg_checkout.ts';
import { type Ending, type QueryCallback, type QueryRules, run } from './_pg_query.ts';
import type { SendContext } from './_pg_send_context.ts';
import { throwLater } from './_throw_later.ts';
import { Waiter } from './waiter.ts';

/**
 * A statement that waits for a client, runs on it, gives it back and answers: one object for all of it, and no release() on the client,
 * which nobody else has.
 */
export class QueryWaiter extends Waiter<pg.Client> implements Ending {
  readonly #lender: Lender;
  readonly #rules: QueryRules;
  readonly #context: SendContext;
  readonly #text: unknown;
  readonly #values: unknown;
  readonly #reply: QueryCallback;
  #scope: AsyncResource | undefined;
  #inCall = true;
  #entry: Entry<pg.Client> | undefined;
  #lentAs = 0;

  constructor(
    lender: Lender,
    rules: QueryRules,
    context: SendContext,
    text: unknown,
    values: unknown,
    reply: QueryCallback,
  ) {
    super();
    this.#lender = lender;
    this.#rules = rules;
    this.#context = context;
    this.#text = text;
    this.#values = values;
    this.#reply = reply;
  }

  /** The call is over: who still waits is served from elsewhere. */
  returned(): void {
    this.#inCall = false;
    if (this.queued && this.#context.mattersTo(this.#text, this.#values)) {
      this.#scope = ownContext('PG_POOL_QUERY');
    }
  }

  override get announces(): boolean {
    return true;
  }

  override granted(entry: Entry<pg.Client>, waitedMs: number): void {
    const lender = this.#lender;
    this.#entry = entry;
    this.#lentAs = entry.leaseId;
    const client = introduce(lender, entry);
    lender.resources.announce(entry, waitedMs);
    this.#context.saw(client);
    try {
      if (this.#scope === undefined) this.#run(client);
      else this.#scope.runInAsyncScope(this.#run, this, client);
    } catch (thrown) {
      throwLater(thrown);
    }
    lender.answered();
  }

  #run(client: pg.Client): void {
    run(client as pg.PoolClient, this.#text, this.#values, this.#rules, this);
  }

  override refused(error: Error): void {
    const lender = this.#lender;
    if (isSpared(lender, this, error)) return;
    try {
      this.#answer(asCallerSees(error), undefined);
    } catch (thrown) {
      throwLater(thrown);
    }
    lender.answered();
  }

  ended(cost: unknown, error: Error | undefined, result: unknown): void {
    const entry = this.#entry as Entry<pg.Client>;
    // Unless the pool has taken it back meanwhile, at the end of a grace.
    if (entry.leaseId === this.#lentAs) void giveBack(this.#lender, entry, this.#lentAs, cost);
    this.#answer(error, result);
  }

  /** Never within the call: who called has not got his promise yet, or does not expect to be called back. */
  #answer(error: Error | undefined, result: unknown): void {
    if (this.#inCall) process.nextTick(this.#reply, error, result);
    else this.#reply(error, result);
  }
}
