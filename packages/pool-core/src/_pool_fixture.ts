/**
 * A mechanism under test: its connects, resets and closes end when the test says so.
 *
 * @module
 */
import type { Entry } from './_entry.ts';
import type { Clock } from './clock.ts';
import type { ConnectionFactory, ResetResult } from './connection_factory.ts';
import type { DestroyReason } from './contract.ts';
import type { Governor } from './governor.ts';
import { ResourcePool, type ResourcePoolParts } from './resource_pool.ts';
import { DEFAULT_TUNING } from './tuning_options.ts';
import { Waiter } from './waiter.ts';

/** A connection that is nothing but a number. */
export interface Thing {
  readonly id: number;
  usable: boolean;
  closedBecause: DestroyReason | undefined;
}

/** A connect under way. */
export interface Pending {
  readonly signal: AbortSignal;
  readonly lost: (error?: unknown) => void;
  succeed(): Thing;
  fail(error?: unknown): void;
}

/** Remembers how it was answered; throws when that happens twice. */
export class TestWaiter extends Waiter<Thing> {
  entry: Entry<Thing> | undefined;
  error: Error | undefined;
  waitedMs = 0;
  /** Called within the grant, as a caller would that uses its connection at once. */
  atOnce: ((waiter: TestWaiter) => void) | undefined;

  get answered(): boolean {
    return this.entry !== undefined || this.error !== undefined;
  }

  granted(entry: Entry<Thing>, waitedMs: number): void {
    if (this.answered) throw new Error('answered twice');
    this.entry = entry;
    this.leaseId = entry.leaseId;
    this.waitedMs = waitedMs;
    this.atOnce?.(this);
  }

  refused(error: Error): void {
    if (this.answered) throw new Error('answered twice');
    this.error = error;
  }
}

/** How a {@link Rig} behaves. */
export interface RigOptions {
  readonly clock: Clock;
  readonly parts?: Partial<Omit<ResourcePoolParts<Thing>, 'clock' | 'governor' | 'factory'>>;
  readonly governor?: Partial<Governor<Thing>>;
  /** Connections are made at once, in the call. */
  readonly synchronous?: boolean;
  /** No connection is usable, not even a new one. */
  readonly stillborn?: boolean;
  /** Each connect throws this, in the call. */
  readonly throwing?: Error;
  /** Resets and closes wait for {@link Rig.settleResets} and {@link Rig.settleCloses}. */
  readonly slow?: boolean;
}

/** A pool and the hands on everything around it. By default it opens a connection for each waiter, as pg-pool does. */
export class Rig {
  readonly pool: ResourcePool<Thing>;
  /** Connects under way, the oldest first. */
  readonly pending: Pending[] = [];
  readonly things: Thing[] = [];
  readonly closed: Thing[] = [];
  readonly resets: ((result?: ResetResult) => void)[] = [];
  readonly closes: (() => void)[] = [];

  constructor(options: RigOptions) {
    const { clock, slow } = options;
    const factory: ConnectionFactory<Thing> = {
      create: (signal, lost) => {
        if (options.throwing !== undefined) throw options.throwing;
        if (options.synchronous === true) return this.#make();
        return new Promise<Thing>((resolve, reject) => {
          this.pending.push({
            signal,
            lost,
            succeed: () => {
              const thing = this.#make();
              resolve(thing);
              return thing;
            },
            fail: (error) => reject(error ?? new Error('refused')),
          });
        });
      },
      destroy: (thing, reason) => {
        if (thing.closedBecause !== undefined) throw new Error('destroyed twice');
        thing.closedBecause = reason;
        this.closed.push(thing);
        if (slow !== true) return undefined;
        return new Promise<void>((resolve) => this.closes.push(resolve));
      },
      isUsable: (thing) => thing.usable && options.stillborn !== true,
      ...(slow === true
        ? { reset: () => new Promise<ResetResult>((resolve) => this.resets.push(resolve)) }
        : {}),
    };
    this.pool = new ResourcePool<Thing>({
      name: 'rig',
      limit: 2,
      acquireTimeoutMs: 1_000,
      connectTimeoutMs: 500,
      resetTimeoutMs: 300,
      closeTimeoutMs: 300,
      acquireStackEveryMs: Number.POSITIVE_INFINITY,
      maxUses: Number.POSITIVE_INFINITY,
      meanWeight: DEFAULT_TUNING.meanWeight,
      ...options.parts,
      clock,
      factory,
      governor: {
        wantsConnect: () => this.pool.waiting > this.pool.connecting,
        timedOut: (waiter) => new Error(`timed out after ${waiter.timeoutMs}`),
        ...options.governor,
      },
    });
  }

  acquire(timeoutMs?: number, atOnce?: (waiter: TestWaiter) => void): TestWaiter {
    const waiter = new TestWaiter();
    waiter.atOnce = atOnce;
    this.pool.acquire(waiter, timeoutMs);
    return waiter;
  }

  release(waiter: TestWaiter, error?: unknown): void {
    void this.released(waiter, error);
  }

  /** Releases, and returns what the pool returned. */
  released(waiter: TestWaiter, error?: unknown): Promise<void> | undefined {
    return this.pool.release(waiter.entry as Entry<Thing>, waiter.leaseId, error);
  }

  /** The oldest connect succeeds; the pool hears of it after a promise's hop. */
  async connect(): Promise<Thing> {
    const thing = (this.pending.shift() as Pending).succeed();
    await hop();
    return thing;
  }

  /** The oldest connect fails. */
  async failConnect(error?: unknown): Promise<void> {
    (this.pending.shift() as Pending).fail(error);
    await hop();
  }

  #make(): Thing {
    const thing: Thing = { id: this.things.length + 1, usable: true, closedBecause: undefined };
    this.things.push(thing);
    return thing;
  }
}

/** Lets promises that are settled tell those who wait for them. */
export async function hop(): Promise<void> {
  for (let i = 0; i < 4; i++) await undefined;
}
