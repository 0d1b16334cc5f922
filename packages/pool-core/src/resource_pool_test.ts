import { FakeClock } from '@fynlo/testing/fake-clock';
import { describe, expect, it } from 'vitest';
import type { Entry } from './_entry.ts';
import { Rig, type TestWaiter, type Thing } from './_pool_fixture.ts';
import { IllegalStateError, LeaseReleasedError, PoolClosedError } from './errors.ts';

const clock = () => new FakeClock();
const entryOf = (waiter: TestWaiter): Entry<Thing> => waiter.entry as Entry<Thing>;

describe('ResourcePool.acquire()', () => {
  it('has begun the connect when it returns', () => {
    const rig = new Rig({ clock: clock() });
    rig.acquire();
    expect(rig.pool.size).toBe(1);
    expect(rig.pool.connecting).toBe(1);
    rig.pool.assertInvariants();
  });

  it('answers within the call when the factory answers synchronously', () => {
    const rig = new Rig({ clock: clock(), synchronous: true });
    const waiter = rig.acquire();
    expect(waiter.entry?.connection).toBe(rig.things[0]);
    expect(rig.pool.leased).toBe(1);
    rig.pool.assertInvariants();
  });

  it('takes a connection that is of no use from the start for a failed connect: the next one waits its turn', () => {
    const verdicts: unknown[] = [];
    const rig = new Rig({
      clock: clock(),
      synchronous: true,
      stillborn: true,
      governor: {
        wantsConnect: () => verdicts.length < 3,
        connectFailed: (error) => {
          verdicts.push(error);
          return 'wait';
        },
      },
    });
    const waiter = rig.acquire();
    expect(verdicts).toHaveLength(3);
    expect(verdicts[0]).toMatchObject({ code: 'ERR_POOL_CONNECTION_LOST' });
    expect(waiter.answered).toBe(false);
    expect(rig.closed.map(({ closedBecause }) => closedBecause)).toEqual(
      Array(3).fill('connection-error'),
    );
    rig.pool.assertInvariants();
  });

  it('answers within the call when a connection is idle, the one used last first', async () => {
    const rig = new Rig({ clock: clock() });
    const [a, b] = [rig.acquire(), rig.acquire()];
    await rig.connect();
    await rig.connect();
    rig.release(a);
    rig.release(b);
    expect(rig.acquire().entry).toBe(b.entry);
    expect(rig.acquire().entry).toBe(a.entry);
    rig.pool.assertInvariants();
  });

  it('serves those who wait in the order in which they came, each within the release before it', async () => {
    const rig = new Rig({ clock: clock(), parts: { limit: 1 } });
    const first = rig.acquire();
    const rest = Array.from({ length: 50 }, () => rig.acquire());
    await rig.connect();
    let holder = first;
    for (const waiter of rest) {
      expect(waiter.answered).toBe(false);
      rig.release(holder);
      expect(waiter.entry).toBe(first.entry);
      holder = waiter;
    }
    expect(rig.pool.size).toBe(1);
    rig.pool.assertInvariants();
  });

  it('lets nobody overtake those who wait, not even from within an answer', async () => {
    const rig = new Rig({ clock: clock(), parts: { limit: 1 } });
    const order: string[] = [];
    const name = (label: string) => (): void => void order.push(label);
    const holder = rig.acquire();
    await rig.connect();
    rig.acquire(undefined, (waiter) => {
      order.push('first');
      rig.release(waiter);
      // An idle connection is there now, but so is the second.
      rig.acquire(undefined, name('late'));
    });
    rig.acquire(undefined, name('second'));
    rig.release(holder);
    expect(order).toEqual(['first', 'second']);
    rig.pool.assertInvariants();
  });

  it('serves ten thousand who each release within their answer, without growing the stack', async () => {
    const rig = new Rig({ clock: clock(), parts: { limit: 1 } });
    const holder = rig.acquire();
    await rig.connect();
    let served = 0;
    for (let i = 0; i < 10_000; i++) {
      rig.acquire(undefined, (waiter) => {
        served++;
        rig.release(waiter);
      });
    }
    rig.release(holder);
    expect(served).toBe(10_000);
    expect(rig.pool.idle).toBe(1);
    rig.pool.assertInvariants();
  });

  it('closes idle connections found unusable and opens another', async () => {
    const rig = new Rig({ clock: clock() });
    const waiter = rig.acquire();
    const thing = await rig.connect();
    rig.release(waiter);
    thing.usable = false;
    const next = rig.acquire();
    expect(thing.closedBecause).toBe('connection-error');
    await rig.connect();
    expect(next.entry?.connection?.id).toBe(2);
    rig.pool.assertInvariants();
  });

  it('refuses at the deadline, those with shorter ones first, with a single timer for all', async () => {
    const time = clock();
    const rig = new Rig({ clock: time, parts: { limit: 1 } });
    rig.acquire(Number.POSITIVE_INFINITY);
    await rig.connect();
    const delays = [900, 100, 500, Number.POSITIVE_INFINITY, 100, 700, 300];
    const waiters = delays.map((delay) => rig.acquire(delay));
    expect(time.pendingTimers()).toBe(1);
    for (const at of [100, 300, 500, 700, 900]) {
      await time.advance(at - 1 - time.now());
      expect(waiters.filter((_, i) => (delays[i] ?? 0) >= at).some((w) => w.answered)).toBe(false);
      await time.advance(1);
      for (const [i, waiter] of waiters.entries()) {
        expect(waiter.error !== undefined).toBe((delays[i] ?? 0) <= at);
      }
      rig.pool.assertInvariants();
    }
    expect(time.pendingTimers()).toBe(0);
    expect(rig.pool.waiting).toBe(1);
  });
});

describe('ResourcePool.cancel()', () => {
  it('refuses only who waits, and leaves the connect to finish into idle', async () => {
    const rig = new Rig({ clock: clock() });
    const waiter = rig.acquire();
    expect(rig.pool.cancel(waiter, new Error('gone'))).toBe(true);
    expect(waiter.error?.message).toBe('gone');
    expect(rig.pool.cancel(waiter, new Error('again'))).toBe(false);
    await rig.connect();
    expect(rig.pool.idle).toBe(1);
    rig.pool.assertInvariants();
  });

  it('F48: of 100 000 waiters 90 % leave, from anywhere in the queue; the others are served in order', async () => {
    const rig = new Rig({ clock: clock(), parts: { limit: 1 } });
    let holder = rig.acquire();
    await rig.connect();
    const waiters = Array.from({ length: 100_000 }, () => rig.acquire());
    // From the back: pg-pool would search the whole array for each.
    for (let i = waiters.length - 1; i >= 0; i--) {
      if (i % 10 !== 3) rig.pool.cancel(waiters[i] as TestWaiter, new Error('gone'));
    }
    expect(rig.pool.waiting).toBe(10_000);
    for (let i = 3; i < waiters.length; i += 10) {
      rig.release(holder);
      holder = waiters[i] as TestWaiter;
      if (holder.entry === undefined) throw new Error(`waiter ${i} was not served in its turn`);
    }
    expect(rig.pool.waiting).toBe(0);
    rig.pool.assertInvariants();
  });
});

describe('states', () => {
  it('names both states when it refuses a move', async () => {
    const rig = new Rig({ clock: clock() });
    const waiter = rig.acquire();
    await rig.connect();
    const entry = entryOf(waiter);
    expect(() => rig.pool.beginProbe(entry)).toThrow(
      'Connection 1 is leased: it cannot become probing',
    );
    expect(() => rig.pool.destroyIdle(entry, 'evicted')).toThrow(IllegalStateError);
    expect(() => rig.pool.endProbe(entry)).toThrow('Connection 1 is leased: it cannot become idle');
  });

  it('a probed connection serves nobody meanwhile, then the first who waits, and has not become younger', async () => {
    const time = clock();
    const rig = new Rig({ clock: time, parts: { limit: 1 } });
    const first = rig.acquire();
    await rig.connect();
    rig.release(first);
    await time.advance(10);
    const entry = entryOf(first);
    rig.pool.beginProbe(entry);
    expect(rig.pool.probing).toBe(1);
    rig.pool.assertInvariants();
    rig.pool.endProbe(entry);
    expect(entry.idleSince).toBe(0);
    expect(entry.aliveAt).toBe(10);
    rig.pool.beginProbe(entry);
    const waiter = rig.acquire();
    expect(waiter.answered).toBe(false);
    rig.pool.endProbe(entry);
    expect(waiter.entry).toBe(entry);
    rig.pool.assertInvariants();
  });
});

describe('ResourcePool.setLimit()', () => {
  it('closes idle connections above it now and leased ones when they come back, and excuses the size until then', async () => {
    const rig = new Rig({ clock: clock(), parts: { limit: 4 } });
    const waiters = Array.from({ length: 4 }, () => rig.acquire());
    for (let i = 0; i < 4; i++) await rig.connect();
    rig.release(waiters[0] as TestWaiter);
    rig.release(waiters[1] as TestWaiter);
    rig.pool.setLimit(1);
    expect(rig.pool.size).toBe(2);
    rig.pool.assertInvariants();
    rig.release(waiters[2] as TestWaiter);
    expect(rig.pool.size).toBe(1);
    rig.release(waiters[3] as TestWaiter);
    expect(rig.pool.idle).toBe(1);
    rig.pool.assertInvariants();
  });

  it('opens for those who wait when it is raised', async () => {
    const rig = new Rig({ clock: clock(), parts: { limit: 1 } });
    rig.acquire();
    await rig.connect();
    rig.acquire();
    expect(rig.pool.connecting).toBe(0);
    rig.pool.setLimit(2);
    expect(rig.pool.connecting).toBe(1);
  });
});

describe('ResourcePool.suspend()', () => {
  it('hands nothing out until resume(), then in order', async () => {
    const rig = new Rig({ clock: clock() });
    const holder = rig.acquire();
    await rig.connect();
    rig.release(holder);
    rig.pool.suspend();
    const waiters = [rig.acquire(), rig.acquire()];
    expect(rig.pool.tryAcquire()).toBeUndefined();
    expect(waiters.some((waiter) => waiter.answered)).toBe(false);
    rig.pool.resume();
    expect(waiters[0]?.entry).toBe(holder.entry);
    expect(rig.pool.connecting).toBe(1);
    rig.pool.assertInvariants();
  });
});

describe('ResourcePool.end()', () => {
  it('F06: refuses waiters, aborts connects, and waits for leases until the grace is over', async () => {
    const time = clock();
    const rig = new Rig({ clock: time, parts: { limit: 3 } });
    const leased = [rig.acquire(), rig.acquire()];
    await rig.connect();
    await rig.connect();
    const waiting = [rig.acquire(), rig.acquire()];
    expect(rig.pool.connecting).toBe(1);
    let over = false;
    const ended = rig.pool.end(1_000);
    void ended.then(() => {
      over = true;
    });
    expect(rig.pool.end(Number.POSITIVE_INFINITY)).toBe(ended);
    for (const waiter of waiting) expect(waiter.error).toBeInstanceOf(PoolClosedError);
    expect(rig.pending[0]?.signal.aborted).toBe(true);
    expect(rig.acquire().error).toBeInstanceOf(PoolClosedError);
    expect(() => rig.pool.tryAcquire()).toThrow(PoolClosedError);
    expect(rig.pool.size).toBe(2);
    rig.pool.assertInvariants();
    await time.advance(999);
    expect(over).toBe(false);
    await time.advance(1);
    expect(over).toBe(true);
    expect(rig.closed).toHaveLength(2);
    for (const waiter of leased) expect(() => rig.release(waiter)).toThrow(LeaseReleasedError);
    expect(time.pendingTimers()).toBe(0);
  });

  it('closes idle and probed connections at once', async () => {
    const rig = new Rig({ clock: clock() });
    const waiters = [rig.acquire(), rig.acquire()] as const;
    await rig.connect();
    await rig.connect();
    for (const waiter of waiters) rig.release(waiter);
    rig.pool.beginProbe(entryOf(waiters[0]));
    await rig.pool.end(Number.POSITIVE_INFINITY);
    expect(rig.closed.map((thing) => thing.closedBecause)).toEqual(['closing', 'closing']);
    rig.pool.endProbe(entryOf(waiters[0]));
    rig.pool.assertInvariants();
  });

  it('closes a connection that comes back after it began', async () => {
    const rig = new Rig({ clock: clock() });
    const waiter = rig.acquire();
    const thing = await rig.connect();
    const ended = rig.pool.end(Number.POSITIVE_INFINITY);
    rig.release(waiter);
    await ended;
    expect(thing.closedBecause).toBe('closing');
    expect(rig.pool.ended).toBe(true);
  });
});
