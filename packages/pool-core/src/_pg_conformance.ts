/**
 * What a pool must do to stand in for `pg.Pool`. Each group takes the pool's class, so that the suite is first shown
 * right on pg.Pool itself. It leaves out what pg-pool has no promise on.
 */
import pg from 'pg';
import { Pool } from './pool.ts';

/** Options that pg-pool reads but @types/pg does not list. */
export interface AnyPoolOptions extends pg.PoolConfig {
  poolSize?: number;
  binary?: boolean;
  discardOnQueryError?: boolean;
}

export type AnyPoolClass = new (options?: AnyPoolOptions) => pg.Pool;

class PoolOfLeases extends Pool {
  constructor(options: AnyPoolOptions = {}) {
    super({ ...options, leases: true });
  }
}

/** By what a client is known: itself, or its backend where each checkout has a stand-in. */
export type Identity = (client: unknown) => unknown;
const itself: Identity = (client) => client;
const backend: Identity = (client) => (client as { processID: number }).processID;

/** Every group runs on each of these. */
export const poolClasses: readonly [name: string, PoolClass: AnyPoolClass, identity: Identity][] = [
  ['pg.Pool', pg.Pool, itself],
  ['Pool', Pool, itself],
  ['Pool with leases', PoolOfLeases, backend],
];

/** What applications and libraries read off pg.Pool beyond its types. */
export interface PoolInside {
  readonly _clients: readonly pg.PoolClient[];
  readonly _idle: readonly { client: pg.PoolClient }[];
  readonly _pendingQueue: { readonly length: number };
  readonly log: (...messages: unknown[]) => void;
  readonly Client: unknown;
  readonly Promise: unknown;
}

export function inside(pool: pg.Pool): PoolInside {
  return pool as unknown as PoolInside;
}

export type DoneFunction = (release?: unknown, result?: unknown) => void;

/** `pool.connect(cb)` as a promise of what the callback was given, in the tick it was called. */
export function connectWithCallback(
  pool: pg.Pool,
): Promise<{ client: pg.PoolClient; done: DoneFunction }> {
  return new Promise((resolve, reject) => {
    pool.connect((error, client, done) => {
      if (error || client === undefined) reject(error);
      else resolve({ client, done });
    });
  });
}

/** Pools made in one test, all ended after it whatever became of the test. */
export class PoolMaker {
  readonly #PoolClass: AnyPoolClass;
  readonly #url: string;
  readonly #made: pg.Pool[] = [];

  constructor(PoolClass: AnyPoolClass, url: string) {
    this.#url = url;
    this.#PoolClass = PoolClass;
  }

  make(options: AnyPoolOptions = {}): pg.Pool {
    const pool = new this.#PoolClass({ connectionString: this.#url, ...options });
    this.#made.push(pool);
    return pool;
  }

  async endAll(): Promise<void> {
    await Promise.all(
      this.#made.splice(0).map((pool) => {
        for (const client of inside(pool)._clients) client.on('error', () => {});
        return pool.ending ? undefined : pool.end();
      }),
    );
  }
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until `condition` holds, for at most `limitMs`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs = 10_000,
): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${limitMs} ms`);
    await delay(5);
  }
}

export async function caught(promise: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await promise;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error('expected a rejection');
}

export function next<T extends unknown[]>(emitter: NodeJS.EventEmitter, event: string): Promise<T> {
  return new Promise((resolve) => emitter.once(event, (...args: unknown[]) => resolve(args as T)));
}
