/**
 * Hours of load on a pool in seconds: virtual time, a database that slows down as PostgreSQL does, and callers of several
 * kinds. Seeded: the same run every time.
 *
 * @module
 */
import type { Entry } from './_entry.ts';
import type { Clock, Timer } from './clock.ts';
import type { ConnectionFactory } from './connection_factory.ts';
import { DynamicConnectionPoolManager } from './dynamic_connection_pool_manager.ts';
import type { DynamicConnectionPoolManagerOptions } from './options.ts';
import { Waiter } from './waiter.ts';

interface Happening {
  readonly at: number;
  readonly order: number;
  fn: (() => void) | undefined;
}

/** Virtual time with a heap of what is to happen. Milliseconds. */
export class VirtualTime implements Clock {
  #now = 0;
  #order = 0;
  readonly #heap: Happening[] = [];

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return 1_700_000_000_000 + this.#now;
  }

  setTimeout(fn: () => void, ms: number): Timer {
    const happening: Happening = { at: this.#now + Math.max(ms, 0), order: this.#order++, fn };
    this.#push(happening);
    return {
      cancel: () => {
        happening.fn = undefined;
      },
    };
  }

  /** Lets time pass until `until`, everything in its order, promises settled in between. */
  async run(until: number): Promise<void> {
    let sinceBreath = 0;
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.at > until) break;
      this.#pop();
      // The database draws its next completion anew at each change: about half of what was to happen does not.
      if (next.fn === undefined) continue;
      this.#now = next.at;
      next.fn();
      await undefined;
      await undefined;
      await undefined;
      // The test runner lives in the same process.
      if (++sinceBreath % 50_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    this.#now = until;
  }

  #push(happening: Happening): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(happening);
    while (index > 0) {
      const up = (index - 1) >> 1;
      const parent = heap[up] as Happening;
      if (before(parent, happening)) break;
      heap[index] = parent;
      index = up;
    }
    heap[index] = happening;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Happening;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let down = 2 * index + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && before(heap[down + 1] as Happening, heap[down] as Happening)) {
        down++;
      }
      if (before(last, heap[down] as Happening)) break;
      heap[index] = heap[down] as Happening;
      index = down;
    }
    heap[index] = last;
  }
}

function before(a: Happening, b: Happening): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** A seeded generator of numbers in 0..1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * Transactions per second by how many run at once, measured with `pgbench -N` on two cores (PostgreSQL 15): more than a few
 * dozen at once get in each other's way.
 */
const MEASURED: readonly (readonly [atOnce: number, perSecond: number])[] = [
  [0, 0],
  [1, 4520],
  [2, 6170],
  [4, 6870],
  [8, 5780],
  [16, 7580],
  [32, 6450],
  [64, 5790],
  [128, 4360],
  [256, 2300],
  [500, 177],
];

/** The best of them. */
export const PEAK_PER_SECOND = 7580;

function measuredThroughput(atOnce: number): number {
  for (let i = 1; i < MEASURED.length; i++) {
    const [n, x] = MEASURED[i] as readonly [number, number];
    const [m, w] = MEASURED[i - 1] as readonly [number, number];
    if (atOnce <= n) return w + ((x - w) * (atOnce - m)) / (n - m);
  }
  return 177;
}

/** A connection of the simulated database. */
export interface Session {
  readonly id: number;
  open: boolean;
  /** Whether a statement is running. */
  busy: boolean;
}

interface Job {
  readonly session: Session;
  readonly done: () => void;
}

/** A database that shares its capacity among what runs at once. */
export class Database {
  readonly #time: VirtualTime;
  readonly #random: () => number;
  readonly #throughput: (atOnce: number) => number;
  readonly #jobs: Job[] = [];
  #next: Timer | undefined;
  #speed = 1;
  /** How long a connect takes, ms. */
  connectMs = 10;
  /** More are refused with 53300. */
  maxConnections: number = Number.POSITIVE_INFINITY;
  open = 0;
  peak = 0;
  opened = 0;

  constructor(
    time: VirtualTime,
    random: () => number,
    throughput: (atOnce: number) => number = measuredThroughput,
  ) {
    this.#time = time;
    this.#random = random;
    this.#throughput = throughput;
  }

  /** 1: as measured; 0.05: everything takes twenty times as long. */
  set speed(speed: number) {
    this.#speed = speed;
    this.#schedule();
  }

  /** One statement of exponentially distributed work. */
  run(session: Session, done: () => void): void {
    session.busy = true;
    this.#jobs.push({ session, done });
    this.#schedule();
  }

  /** @param seen whether the pool may see which sessions work. */
  factory(seen: boolean = false): ConnectionFactory<Session> {
    return {
      ...(seen ? { isBusy: (session: Session): boolean => session.busy } : {}),
      create: () =>
        new Promise((resolve, reject) => {
          this.#time.setTimeout(() => {
            if (this.open >= this.maxConnections) {
              reject(Object.assign(new Error('too many clients already'), { code: '53300' }));
              return;
            }
            this.open++;
            this.opened++;
            this.peak = Math.max(this.peak, this.open);
            resolve({ id: this.opened, open: true, busy: false });
          }, this.connectMs);
        }),
      destroy: (session) => {
        session.open = false;
        this.open--;
      },
      isUsable: (session) => session.open,
      classify: (error) =>
        (error as { code?: string }).code === '53300' ? 'server-limit' : 'retryable',
    };
  }

  /** The time to the next completion is exponential, so it may be drawn anew whenever anything changes. */
  #schedule(): void {
    this.#next?.cancel();
    this.#next = undefined;
    const perMs = (this.#throughput(this.#jobs.length) * this.#speed) / 1000;
    if (perMs <= 0) return;
    const ms = -Math.log(1 - this.#random()) / perMs;
    this.#next = this.#time.setTimeout(() => this.#complete(), ms);
  }

  #complete(): void {
    const index = Math.floor(this.#random() * this.#jobs.length);
    const job = this.#jobs[index] as Job;
    this.#jobs[index] = this.#jobs.at(-1) as Job;
    this.#jobs.pop();
    job.session.busy = false;
    this.#schedule();
    job.done();
  }
}

/** One acquire of a simulated caller. */
class Request extends Waiter<Session> {
  readonly #use: (entry: Entry<Session>) => void;
  readonly #failed: () => void;

  constructor(use: (entry: Entry<Session>) => void, failed: () => void) {
    super();
    this.#use = use;
    this.#failed = failed;
  }

  granted(entry: Entry<Session>): void {
    this.#use(entry);
  }

  refused(): void {
    this.#failed();
  }
}

/** One process: a pool and its callers. */
export class Process {
  readonly manager: DynamicConnectionPoolManager<Session>;
  readonly #time: VirtualTime;
  readonly #database: Database;
  readonly #random: () => number;
  done = 0;
  failed = 0;
  /** Size at each sample. */
  readonly sizes: { readonly at: number; readonly size: number }[] = [];
  readonly finished: { readonly at: number; readonly tookMs: number }[] = [];

  constructor(
    time: VirtualTime,
    database: Database,
    random: () => number,
    options: Partial<DynamicConnectionPoolManagerOptions<Session>> = {},
  ) {
    this.#time = time;
    this.#database = database;
    this.#random = random;
    this.manager = new DynamicConnectionPoolManager<Session>({
      acquireTimeoutMs: 5_000,
      factory: database.factory(),
      clock: time,
      random,
      ...options,
    });
    this.#sample();
  }

  /** Acquire, one statement, release. */
  request(then?: () => void): void {
    const asked = this.#time.now();
    const { pool } = this.manager;
    pool.acquire(
      new Request(
        (entry) =>
          this.#database.run(entry.connection as Session, () => {
            void pool.release(entry, entry.leaseId);
            this.#finish(asked);
            then?.();
          }),
        () => {
          this.failed++;
          then?.();
        },
      ),
    );
  }

  /** Acquire, think with the connection in hand, release: a transaction that waits for its caller. */
  hold(ms: number, then?: () => void): void {
    const asked = this.#time.now();
    const { pool } = this.manager;
    pool.acquire(
      new Request(
        (entry) => {
          this.#time.setTimeout(() => {
            void pool.release(entry, entry.leaseId);
            this.#finish(asked);
            then?.();
          }, ms);
        },
        () => {
          this.failed++;
          then?.();
        },
      ),
    );
  }

  /** Requests at random, `perSecond` of them on average, which may change. */
  offer(perSecond: (atMs: number) => number): void {
    const next = (): void => {
      const rate = perSecond(this.#time.now());
      const wait = rate > 0 ? (-Math.log(1 - this.#random()) * 1000) / rate : 10;
      this.#time.setTimeout(() => {
        if (rate > 0) this.request();
        next();
      }, wait);
    };
    next();
  }

  /** Callers that ask again as soon as they are answered, until `until`. */
  loop(callers: number, until: number, once: (again: () => void) => void): void {
    const again = (): void => {
      if (this.#time.now() < until) once(again);
    };
    for (let i = 0; i < callers; i++) again();
  }

  /** Requests answered per second between two times, ms. */
  rate(from: number, to: number): number {
    const count = this.finished.filter(({ at }) => at >= from && at < to).length;
    return (count * 1000) / (to - from);
  }

  /** The largest size between two times. */
  peak(from: number, to: number): number {
    const sizes = this.sizes.filter(({ at }) => at >= from && at < to);
    return Math.max(...sizes.map(({ size }) => size));
  }

  #finish(asked: number): void {
    this.done++;
    const at = this.#time.now();
    this.finished.push({ at, tookMs: at - asked });
  }

  #sample(): void {
    this.#time.setTimeout(() => {
      this.sizes.push({ at: this.#time.now(), size: this.manager.pool.size });
      this.#sample();
    }, 50);
  }
}
