import { FakeClock } from '@fynlo/testing/fake-clock';
import { describe, expect, it } from 'vitest';
import type { Entry } from './_entry.ts';
import { hop, Rig, type TestWaiter, type Thing } from './_pool_fixture.ts';
import { LeaseReleasedError } from './errors.ts';

const clock = () => new FakeClock();
const entryOf = (waiter: TestWaiter): Entry<Thing> => waiter.entry as Entry<Thing>;

describe('ResourcePool.release()', () => {
  it('refuses a lease that is over, and leaves the present holder alone', async () => {
    const rig = new Rig({ clock: clock(), parts: { limit: 1 } });
    const first = rig.acquire();
    await rig.connect();
    rig.release(first);
    const second = rig.acquire();
    expect(() => rig.release(first)).toThrow(LeaseReleasedError);
    expect(entryOf(second).leaseId).toBe(second.leaseId);
    rig.pool.assertInvariants();
  });

  it.each([
    [
      'an error',
      (rig: Rig, w: TestWaiter) => rig.release(w, new Error('x')),
      'released-with-error',
    ],
    ['true', (rig: Rig, w: TestWaiter) => rig.release(w, true), 'released-with-error'],
    [
      'a connection that died meanwhile',
      (rig: Rig, w: TestWaiter) => {
        rig.pool.doom(entryOf(w), 'connection-error');
        return rig.release(w);
      },
      'connection-error',
    ],
    [
      'an outdated connection',
      (rig: Rig, w: TestWaiter) => {
        rig.pool.bumpGeneration();
        return rig.release(w);
      },
      'outdated',
    ],
    [
      'a connection above a lowered limit',
      (rig: Rig, w: TestWaiter) => {
        rig.pool.setLimit(0);
        return rig.release(w);
      },
      'shrink',
    ],
    [
      'an unusable connection',
      (rig: Rig, w: TestWaiter) => {
        (entryOf(w).connection as Thing).usable = false;
        return rig.release(w);
      },
      'connection-error',
    ],
  ] as const)('destroys %s instead of keeping it', async (_, release, reason) => {
    const rig = new Rig({ clock: clock() });
    const waiter = rig.acquire();
    const thing = await rig.connect();
    release(rig, waiter);
    expect(thing.closedBecause).toBe(reason);
    expect(rig.pool.size).toBe(0);
    rig.pool.assertInvariants();
  });

  it('keeps a connection in "resetting" until it is clean, then hands it on', async () => {
    const rig = new Rig({ clock: clock(), parts: { limit: 1 }, slow: true });
    const first = rig.acquire();
    await rig.connect();
    const second = rig.acquire();
    const released = rig.released(first);
    expect(rig.pool.resetting).toBe(1);
    expect(second.answered).toBe(false);
    rig.pool.assertInvariants();
    rig.resets.shift()?.();
    await released;
    expect(second.entry).toBe(first.entry);
    rig.pool.assertInvariants();
  });

  it('destroys a connection whose reset asks for it, or does not end in time', async () => {
    const time = clock();
    const rig = new Rig({ clock: time, slow: true });
    const [busy, hung] = [rig.acquire(), rig.acquire()];
    await rig.connect();
    await rig.connect();
    rig.release(busy);
    rig.release(hung);
    rig.resets[0]?.('released-busy');
    await hop();
    expect(rig.closed.map((thing) => thing.closedBecause)).toEqual(['released-busy']);
    await time.advance(300);
    expect(rig.closed.map((thing) => thing.closedBecause)).toEqual([
      'released-busy',
      'reset-failed',
    ]);
    rig.resets[1]?.();
    await hop();
    rig.pool.assertInvariants();
  });

  it('counts a closing connection until it is closed, or its time is up', async () => {
    const time = clock();
    const rig = new Rig({ clock: time, parts: { limit: 1 }, slow: true });
    const first = rig.acquire();
    await rig.connect();
    const next = rig.acquire();
    const closed = rig.released(first, new Error('broken'));
    expect(rig.pool.closing).toBe(1);
    expect(rig.pool.connecting).toBe(0);
    rig.pool.assertInvariants();
    await time.advance(300);
    await closed;
    expect(rig.pool.closing).toBe(0);
    await rig.connect();
    expect(next.entry?.connection?.id).toBe(2);
    rig.pool.assertInvariants();
  });
});

describe('ResourcePool.reclaim()', () => {
  it('takes a lease back and destroys its connection, which somebody may still have', async () => {
    const rig = new Rig({ clock: clock(), parts: { limit: 1 } });
    const lost = rig.acquire();
    const thing = await rig.connect();
    const next = rig.acquire();
    expect(rig.pool.reclaim(lost.leaseId)).toBe(true);
    expect(rig.pool.reclaim(lost.leaseId)).toBe(false);
    expect(thing.closedBecause).toBe('reclaimed');
    await rig.connect();
    expect(next.entry?.connection?.id).toBe(2);
    expect(() => rig.release(lost)).toThrow(LeaseReleasedError);
    rig.pool.assertInvariants();
  });
});
