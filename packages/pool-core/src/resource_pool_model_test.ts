import { FakeClock } from '@fynlo/testing/fake-clock';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Entry } from './_entry.ts';
import { hop, Rig, TestWaiter, type Thing } from './_pool_fixture.ts';

/**
 * F83: what may happen to a pool, in any order. `pick` chooses among those it may happen to.
 */
const OPERATIONS = [
  'acquire',
  'acquire',
  'acquire',
  'acquire-briefly',
  'acquire-and-release-within',
  'release',
  'release',
  'release',
  'release-with-error',
  'cancel',
  'connected',
  'connected',
  'connected',
  'connect-failed',
  'lost',
  'begin-probe',
  'end-probe',
  'end-probe-dead',
  'reset-done',
  'closed',
  'reclaim',
  'discard',
  'destroy-idle',
  'try-acquire',
  'limit',
  'open',
  'outdate',
  'suspend',
  'resume',
  'time',
] as const;

const program = fc.array(
  fc.record({ operation: fc.constantFrom(...OPERATIONS), pick: fc.nat({ max: 1_000 }) }),
  { minLength: 1, maxLength: 300, size: 'max' },
);

/**
 * The reference: who waits in which order, and who holds what. It learns from the pool only who was answered, and then
 * says whether that was right.
 */
class Model {
  waiting: TestWaiter[] = [];
  holding: TestWaiter[] = [];
  settled = 0;

  /** Somebody got a connection without waiting. */
  takeAtOnce(entry: Entry<Thing>, now: number): void {
    const holder = new TestWaiter();
    holder.since = now;
    holder.granted(entry, 0);
    this.waiting.push(holder);
  }

  /** After each operation: the answered ones must be a prefix of the queue, apart from those whose time was up. */
  observe(now: number): void {
    const granted = this.waiting.filter((waiter) => waiter.entry !== undefined);
    const still = this.waiting.filter((waiter) => !waiter.answered);
    for (const waiter of granted) {
      const overtaken = still.find((other) => other.since < waiter.since);
      if (overtaken !== undefined) throw new Error('an acquire was overtaken');
    }
    for (const waiter of still) {
      if (now > waiter.deadline) throw new Error('an acquire outlived its deadline');
    }
    this.settled += this.waiting.length - still.length;
    this.waiting = still;
    for (const waiter of granted) {
      const entry = waiter.entry as Entry<Thing>;
      if (entry.doomed !== undefined) throw new Error('a dead connection was handed out');
      // One that released within its answer holds nothing any more.
      if (entry.leaseId === waiter.leaseId) this.holding.push(waiter);
    }
    const held = this.holding.map((waiter) => (waiter.entry as Entry<Thing>).id);
    if (new Set(held).size !== held.length)
      throw new Error('a connection was leased twice at once');
  }
}

async function run(steps: readonly { operation: (typeof OPERATIONS)[number]; pick: number }[]) {
  const clock = new FakeClock();
  let next = 0;
  const rig = new Rig({
    clock,
    slow: true,
    parts: { limit: 3, maxUses: 7, connectTimeoutMs: 5_000 },
    governor: {
      connectFailed: () => (['wait', 'reject-one', 'reject-all'] as const)[next++ % 3] ?? 'wait',
    },
  });
  const { pool } = rig;
  const model = new Model();
  const probed: Entry<Thing>[] = [];
  const choose = <T>(from: readonly T[], pick: number): T | undefined => from[pick % from.length];
  const take = <T>(from: T[], pick: number): T | undefined =>
    from.length === 0 ? undefined : from.splice(pick % from.length, 1)[0];
  let acquired = 0;

  for (const { operation, pick } of steps) {
    switch (operation) {
      case 'acquire':
        acquired++;
        model.waiting.push(rig.acquire());
        break;
      case 'acquire-briefly':
        acquired++;
        model.waiting.push(rig.acquire(1 + (pick % 50)));
        break;
      case 'acquire-and-release-within':
        acquired++;
        model.waiting.push(rig.acquire(undefined, (waiter) => rig.release(waiter)));
        break;
      case 'release': {
        const holder = take(model.holding, pick);
        if (holder !== undefined) rig.release(holder);
        break;
      }
      case 'release-with-error': {
        const holder = take(model.holding, pick);
        if (holder !== undefined) rig.release(holder, new Error('broken'));
        break;
      }
      case 'cancel': {
        const waiter = choose(model.waiting, pick);
        if (waiter !== undefined && !pool.cancel(waiter, new Error('gone'))) {
          throw new Error('one that waits could not be cancelled');
        }
        break;
      }
      case 'connected':
        take(rig.pending, pick)?.succeed();
        break;
      case 'connect-failed':
        take(rig.pending, pick)?.fail();
        break;
      case 'lost': {
        const entry = choose([...pool.entries()], pick);
        if (entry !== undefined) pool.doom(entry, 'connection-error', new Error('reset'));
        break;
      }
      case 'begin-probe': {
        const entry = choose([...pool.idleEntries()], pick);
        if (entry === undefined) break;
        pool.beginProbe(entry);
        probed.push(entry);
        break;
      }
      case 'end-probe': {
        const entry = take(probed, pick);
        if (entry !== undefined) pool.endProbe(entry);
        break;
      }
      case 'end-probe-dead': {
        const entry = take(probed, pick);
        if (entry !== undefined) pool.endProbe(entry, 'unhealthy');
        break;
      }
      case 'reset-done':
        take(rig.resets, pick)?.(pick % 5 === 0 ? 'released-busy' : undefined);
        break;
      case 'closed':
        take(rig.closes, pick)?.();
        break;
      case 'reclaim': {
        const holder = take(model.holding, pick);
        if (holder !== undefined && !pool.reclaim(holder.leaseId)) {
          throw new Error('a lease that was out could not be reclaimed');
        }
        break;
      }
      case 'discard': {
        const holder = take(model.holding, pick);
        if (holder === undefined) break;
        void pool.discard(holder.entry as Entry<Thing>, holder.leaseId, 'released-busy');
        break;
      }
      case 'destroy-idle': {
        const entry = choose([...pool.idleEntries()], pick);
        if (entry !== undefined) void pool.destroyIdle(entry, 'evicted');
        break;
      }
      case 'try-acquire': {
        const mayNot = pool.waiting > 0 || pool.suspended;
        const entry = pool.tryAcquire();
        if (entry === undefined) break;
        if (mayNot) throw new Error('an idle connection was taken past those who wait');
        acquired++;
        model.takeAtOnce(entry, clock.now());
        break;
      }
      case 'limit':
        pool.setLimit(1 + (pick % 5));
        break;
      case 'open':
        pool.open(pick % 3);
        break;
      case 'outdate':
        pool.bumpGeneration();
        break;
      case 'suspend':
        pool.suspend();
        break;
      case 'resume':
        pool.resume();
        break;
      case 'time':
        await clock.advance(pick);
        break;
    }
    await hop();
    // In the same millisecond, time orders nobody.
    await clock.advance(1);
    model.observe(clock.now());
    pool.assertInvariants();
  }

  // Nothing is lost: everybody is answered when the pool ends, and everything is closed.
  const ended = pool.end(100);
  for (const close of rig.closes.splice(0)) close();
  await clock.advance(1_000);
  for (const attempt of rig.pending.splice(0)) attempt.succeed();
  await clock.advance(1_000);
  await ended;
  model.observe(clock.now());
  expect(model.waiting).toEqual([]);
  expect(model.settled).toBe(acquired);
  expect(pool.size).toBe(0);
  expect(rig.things.filter((thing) => thing.closedBecause === undefined)).toEqual([]);
  expect(clock.pendingTimers()).toBe(0);
  const { acquires, acquireAborts, acquireTimeouts, acquireRejections } = pool.meter;
  expect(acquires + acquireAborts + acquireTimeouts + acquireRejections).toBe(acquired);
}

/** How many operations in all; `FYNLO_MODEL_STEPS=1000000` for a long run. Those of one program are 150 in the mean. */
const STEPS = Number(process.env['FYNLO_MODEL_STEPS'] ?? 30_000);
const SEED = Number(process.env['FYNLO_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

describe('F83: the mechanism against a reference model', () => {
  it(
    `answers each acquire once, in order, leases nothing twice and loses nothing, in ${STEPS} steps (seed ${SEED})`,
    async () => {
      // fast-check shrinks what fails, and prints the shortest program that does.
      await fc.assert(fc.asyncProperty(program, run), {
        numRuns: Math.ceil(STEPS / 150),
        seed: SEED,
      });
    },
    120_000 + STEPS,
  );
});
