import { FakeClock } from '@fynlo/testing/fake-clock';
import { describe, expect, it } from 'vitest';
import { hop, Rig } from './_pool_fixture.ts';
import { ConnectTimeoutError } from './errors.ts';

const clock = () => new FakeClock();

describe('a connect', () => {
  it('that exceeds its deadline is a failure, is told by its signal, and is destroyed if it succeeds after all', async () => {
    const time = clock();
    const rig = new Rig({ clock: time });
    const waiter = rig.acquire();
    const [attempt] = rig.pending;
    await time.advance(499);
    expect(waiter.answered).toBe(false);
    await time.advance(1);
    expect(waiter.error).toBeInstanceOf(ConnectTimeoutError);
    expect(attempt?.signal.aborted).toBe(true);
    expect(rig.pool.size).toBe(0);
    const late = attempt?.succeed();
    await hop();
    expect(late?.closedBecause).toBe('closing');
    expect(rig.pool.size).toBe(0);
    rig.pool.assertInvariants();
  });

  it('that throws synchronously is a failure like any other', () => {
    const rig = new Rig({ clock: clock(), throwing: new Error('no such module') });
    expect(rig.acquire().error?.message).toBe('no such module');
    expect(rig.pool.size).toBe(0);
    expect(rig.pool.meter.createFailures).toBe(1);
    rig.pool.assertInvariants();
  });

  it('whose connection dies before it is ready is a failure, and the rest of it is destroyed', async () => {
    const rig = new Rig({ clock: clock() });
    const waiter = rig.acquire();
    const [attempt] = rig.pending;
    attempt?.lost(new Error('reset by peer'));
    expect(waiter.error).toMatchObject({ code: 'ERR_POOL_CONNECTION_LOST', maybeExecuted: false });
    const thing = attempt?.succeed();
    await hop();
    expect(thing?.closedBecause).toBe('closing');
    rig.pool.assertInvariants();
  });

  it('that fails while the governor says wait is tried again when it says so', async () => {
    const time = clock();
    let allowed = true;
    const rig: Rig = new Rig({
      clock: time,
      governor: {
        wantsConnect: () => allowed && rig.pool.waiting > rig.pool.connecting,
        connectFailed: () => {
          allowed = false;
          rig.pool.recheckIn(80);
          return 'wait';
        },
        rechecked: () => {
          allowed = true;
        },
      },
    });
    const waiter = rig.acquire();
    await rig.failConnect();
    expect(rig.pool.connecting).toBe(0);
    expect(waiter.answered).toBe(false);
    rig.pool.assertInvariants();
    await time.advance(80);
    await rig.connect();
    expect(waiter.entry).toBeDefined();
  });

  it('is watched over: a governor that forgets to ask again is asked', async () => {
    const time = clock();
    let asked = 0;
    const rig: Rig = new Rig({
      clock: time,
      governor: {
        wantsConnect: () => ++asked > 1 && rig.pool.connecting === 0,
      },
    });
    rig.acquire();
    rig.pool.assertInvariants();
    expect(rig.pool.connecting).toBe(0);
    await time.advance(250);
    expect(rig.pool.connecting).toBe(1);
  });
});
