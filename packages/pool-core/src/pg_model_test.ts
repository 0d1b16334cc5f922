import type { EventEmitter } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import type pg from 'pg';
import { beforeEach, expect, test } from 'vitest';
import { StubClient } from './_pg_stub_client.ts';
import type { Lease } from './lease.ts';
import { Pool } from './pool.ts';

const MAX = 3;

const OPERATIONS = [
  'connect',
  'connect',
  'connect-callback',
  'get-connection',
  'get-connection-signal',
  'query',
  'failing-query',
  'transaction',
  'release',
  'release',
  'release',
  'release-with-error',
  'release-twice',
  'abort',
  'die-lent',
  'die-idle',
  'refuse-next-connect',
  'evict',
  'resize',
  'suspend',
  'resume',
  'turn',
] as const;

const program = fc.array(
  fc.record({ operation: fc.constantFrom(...OPERATIONS), pick: fc.nat({ max: 1_000 }) }),
  { minLength: 1, maxLength: 120, size: 'max' },
);

type Release = (error?: unknown) => unknown;

/** One caller, and how it came out. */
interface Caller {
  readonly number: number;
  readonly abort?: AbortController;
  outcome: 'waiting' | 'holding' | 'done' | 'refused';
  client?: pg.Client;
  release?: Release;
}

/**
 * The reference: who asked in which order, who holds which client. The pool may decide who is refused and when; it must answer
 * each exactly once, lend nothing twice, overtake nobody who waits, and count as this does.
 */
class Model {
  readonly callers: Caller[] = [];
  readonly faults: string[] = [];

  asks(abort?: AbortController): Caller {
    const number = this.callers.length;
    const caller: Caller = {
      number,
      outcome: 'waiting',
      ...(abort === undefined ? {} : { abort }),
    };
    this.callers.push(caller);
    return caller;
  }

  /** @param borrowed the client and how to give it back, for those that keep it. */
  granted(caller: Caller, client?: pg.Client, release?: Release): void {
    if (caller.outcome !== 'waiting')
      this.faults.push(`caller ${caller.number} was answered twice`);
    if (client === undefined || release === undefined) {
      caller.outcome = 'done';
      return;
    }
    const holder = this.holders.find((other) => other.client === client);
    if (holder) this.faults.push(`${caller.number} was lent what ${holder.number} holds`);
    if ((client as unknown as StubClient)._ending) this.faults.push('an ended client was lent');
    caller.outcome = 'holding';
    caller.client = client;
    caller.release = release;
  }

  refused(caller: Caller): void {
    if (caller.outcome !== 'waiting')
      this.faults.push(`caller ${caller.number} was answered twice`);
    caller.outcome = 'refused';
  }

  get holders(): Caller[] {
    return this.callers.filter(({ outcome }) => outcome === 'holding');
  }
  get waiters(): Caller[] {
    return this.callers.filter(({ outcome }) => outcome === 'waiting');
  }
}

async function run(steps: readonly { operation: (typeof OPERATIONS)[number]; pick: number }[]) {
  StubClient.reset();
  const pool = new Pool({ max: MAX, Client: StubClient } as never);
  const model = new Model();
  const told: Record<string, number> = { acquire: 0, release: 0, connect: 0, remove: 0 };
  for (const event of Object.keys(told)) {
    (pool as EventEmitter).on(event, () => {
      told[event] = (told[event] ?? 0) + 1;
    });
  }
  let max = MAX;
  let released = 0;
  const pickOf = <T>(from: readonly T[], pick: number): T | undefined => from[pick % from.length];
  const giveBack = (caller: Caller | undefined, error?: unknown): void => {
    if (caller === undefined) return;
    caller.outcome = 'done';
    released++;
    void caller.release?.(error);
  };
  const lease = (caller: Caller, acquired: Promise<Lease<pg.PoolClient>>): void => {
    void acquired.then(
      (got) => model.granted(caller, got.connection as pg.Client, (error) => got.release(error)),
      () => model.refused(caller),
    );
  };

  for (const { operation, pick } of steps) {
    switch (operation) {
      case 'connect': {
        const caller = model.asks();
        void pool.connect().then(
          (client) => model.granted(caller, client as pg.Client, client.release as Release),
          () => model.refused(caller),
        );
        break;
      }
      case 'connect-callback': {
        const caller = model.asks();
        pool.connect((error, client, done) => {
          if (error) model.refused(caller);
          else model.granted(caller, client as pg.Client, done);
        });
        break;
      }
      case 'get-connection':
        lease(model.asks(), pool.getConnection({ label: String(pick) }));
        break;
      case 'get-connection-signal': {
        const abort = new AbortController();
        const { signal } = abort;
        lease(model.asks(abort), pool.getConnection({ signal }));
        break;
      }
      case 'query':
      case 'failing-query':
      case 'transaction': {
        const caller = model.asks();
        const text = operation === 'query' ? 'select 1' : 'fails';
        const work =
          operation === 'transaction'
            ? pool.transaction(() => pick)
            : (pool.query(text) as Promise<unknown>);
        const answered = (): void => model.granted(caller);
        void work.then(answered, answered);
        break;
      }
      case 'release':
        giveBack(pickOf(model.holders, pick));
        break;
      case 'release-with-error':
        giveBack(pickOf(model.holders, pick), new Error('broken'));
        break;
      case 'release-twice': {
        const holder = pickOf(model.holders, pick);
        giveBack(holder);
        if (holder === undefined) break;
        expect(() => holder.release?.()).toThrow();
        await setImmediate();
        // Also when its client is somebody else's by now.
        expect(() => holder.release?.()).toThrow();
        break;
      }
      case 'abort':
        pickOf(
          model.callers.filter(({ abort }) => abort !== undefined),
          pick,
        )?.abort?.abort();
        break;
      case 'die-lent':
        (pickOf(model.holders, pick)?.client as unknown as StubClient | undefined)?.die();
        break;
      case 'die-idle':
        (pickOf(pool._idle, pick)?.client as unknown as StubClient | undefined)?.die();
        break;
      case 'refuse-next-connect':
        StubClient.refusals.push(new Error('refused'));
        break;
      case 'evict':
        pool.evictIdle();
        break;
      case 'resize':
        max = 1 + (pick % (2 * MAX));
        pool.resize({ max });
        break;
      case 'suspend':
        pool.suspend();
        break;
      case 'resume':
        pool.resume();
        break;
      case 'turn':
        for (let i = 0; i <= pick % 4; i++) await setImmediate();
        break;
    }
    if (pick % 3 === 0) await setImmediate();
    expect(model.faults).toEqual([]);
    pool.manager.pool.assertInvariants();
    expect(pool.totalCount).toBe(pool._clients.length);
    expect(pool.idleCount).toBe(pool._idle.length);
    expect(model.holders.length).toBeLessThanOrEqual(pool.totalCount + pool.manager.pool.closing);
  }

  // Whatever happened, who waits is served once the others have given back what they have.
  pool.resume();
  for (let left = 1_000; model.waiters.length + model.holders.length > 0; left--) {
    if (left === 0) throw new Error(`${model.waiters.length} callers were never answered`);
    for (const holder of model.holders) giveBack(holder);
    await setImmediate();
  }
  await pool.end();
  expect(model.faults).toEqual([]);
  expect(pool.totalCount).toBe(0);
  expect(StubClient.made.filter(({ _ending, _queryable }) => !_ending && _queryable)).toEqual([]);
  const { acquires, releases, created } = pool.stats();
  expect(releases).toBe(acquires);
  expect(acquires).toBeGreaterThanOrEqual(released);
  expect(told).toMatchObject({ acquire: acquires, release: acquires, connect: created });
  expect(told['remove']).toBe(told['connect']);
}

beforeEach(() => StubClient.reset());

const seed = Number(process.env['FYNLO_SEED'] ?? Date.now() % 1_000_000);

test(`F83 Pool against a reference model: each caller is answered once, nothing is lent twice or lost, and the counts agree (seed ${seed})`, async () => {
  await fc.assert(fc.asyncProperty(program, run), { numRuns: 150, seed });
}, 120_000);
