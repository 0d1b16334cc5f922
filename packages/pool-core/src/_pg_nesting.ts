/**
 * Finds callers that hold a client while they wait for another one of the same pool: with all clients held like that, none ever
 * comes back ("pool locking" in HikariCP's words).
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type pg from 'pg';
import type { Entry } from './_entry.ts';
import { recordOf } from './_pg_client_record.ts';
import { NestedAcquireError } from './pg_errors.ts';
import type { ResourcePool } from './resource_pool.ts';
import type { Waiter } from './waiter.ts';

/** One asynchronous flow of the application: from an acquire on, or inside `withConnection()`. */
interface Flow {
  /** The acquires that wait in it and in the flows it began, each with the stack it was made from. */
  readonly waiting: Map<Waiter<pg.Client>, string>;
  readonly parent: Flow | undefined;
}

/** How one acquire is followed. */
export interface Following {
  readonly queued: (waiter: Waiter<pg.Client>) => void;
  readonly granted: (entry: Entry<pg.Client>) => void;
}

interface Held {
  readonly leaseId: number;
  readonly flow: Flow;
  readonly stack: string;
}

/**
 * All must stand still for so many looks in a row, half a second: short enough to be told in development, long enough for a
 * burst. Looks, not time: a blocked event loop is no proof, holders could not go on either.
 */
const STILL_LOOKS = 10;
const LOOK_MS = 50;

/**
 * Needs the application's asynchronous context, which costs every promise a little, so it is an option. A verdict needs
 * proof: each lent client is held by a flow that waits, and has had no statement running for half a second.
 */
export class NestingWatch {
  readonly #pool: ResourcePool<pg.Client>;
  readonly #flows = new AsyncLocalStorage<Flow>();
  readonly #held = new WeakMap<Entry<pg.Client>, Held>();
  #looking = false;
  /** How many looks in a row found all standing still. */
  #still = 0;
  #releases = 0;

  constructor(pool: ResourcePool<pg.Client>) {
    this.#pool = pool;
  }

  /**
   * An acquire begins, in its caller's context. What is granted belongs to that context from now on: also to work that the
   * caller began beside it and does not await, which is the one way to a wrong verdict, and why `scoped` is better.
   */
  begin(): Following {
    let flow = this.#flows.getStore();
    if (flow === undefined) {
      flow = { waiting: new Map(), parent: undefined };
      this.#flows.enterWith(flow);
    }
    return this.#follow(flow, flow, stackHere(this.begin));
  }

  /** An acquire begins for a function that is run with `run`: what is granted belongs to it alone. */
  scoped(): Following & { run<T>(fn: () => T): T } {
    const outer = this.#flows.getStore();
    const inner: Flow = { waiting: new Map(), parent: outer };
    const following = this.#follow(outer, inner, stackHere(this.scoped));
    return { ...following, run: (fn) => this.#flows.run(inner, fn) };
  }

  #follow(asking: Flow | undefined, holding: Flow, stack: string): Following {
    const ancestors: Flow[] = [];
    for (let flow = asking; flow !== undefined; flow = flow.parent) ancestors.push(flow);
    let waiter: Waiter<pg.Client> | undefined;
    return {
      queued: (queued) => {
        waiter = queued;
        for (const { waiting } of ancestors) waiting.set(queued, stack);
        this.#look();
      },
      granted: (entry) => {
        if (waiter !== undefined) for (const { waiting } of ancestors) waiting.delete(waiter);
        const { leaseId } = entry;
        // Not before the caller has it: what he asks for in the same breath is not nested.
        queueMicrotask(() => this.#held.set(entry, { leaseId, flow: holding, stack }));
      },
    };
  }

  #look(): void {
    if (this.#looking) return;
    this.#looking = true;
    this.#releases = this.#pool.meter.releases;
    this.#pool.clock.setTimeout(() => {
      this.#looking = false;
      this.#judge();
      if (this.#pool.waiting > 0) this.#look();
      else this.#still = 0;
    }, LOOK_MS);
  }

  #judge(): void {
    const culprit = this.#culprit();
    if (culprit === undefined || this.#pool.meter.releases !== this.#releases) {
      this.#still = 0;
      return;
    }
    if (++this.#still < STILL_LOOKS) return;
    this.#still = 0;
    const { waiter, stack, holder } = culprit;
    this.#pool.cancel(waiter, new NestedAcquireError(this.#pool.limit, holder, stack));
  }

  /** The newest waiter whose flow holds a client, where every lent client is held by a flow that waits. */
  #culprit(): { waiter: Waiter<pg.Client>; stack: string; holder: string } | undefined {
    let newest: { waiter: Waiter<pg.Client>; stack: string; holder: string } | undefined;
    for (const entry of this.#pool.entries()) {
      if (entry.state !== 'leased') return undefined;
      const held = this.#held.get(entry);
      if (held === undefined || held.leaseId !== entry.leaseId) return undefined;
      if (recordOf(entry.connection as pg.Client)?.session.busy === true) return undefined;
      let waits = false;
      for (const [waiter, stack] of held.flow.waiting) {
        if (!waiter.queued) {
          held.flow.waiting.delete(waiter);
          continue;
        }
        waits = true;
        if (newest === undefined || waiter.since >= newest.waiter.since) {
          newest = { waiter, stack, holder: held.stack };
        }
      }
      if (!waits) return undefined;
    }
    return newest;
  }
}

function stackHere(below: (...args: never[]) => unknown): string {
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, below);
  return (holder.stack ?? '').split('\n').slice(1).join('\n');
}
