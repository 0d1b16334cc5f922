import { setImmediate } from 'node:timers/promises';
import { FakeClock } from '@fynlo/testing/fake-clock';
import { type FakeConnection, FakeServer } from '@fynlo/testing/fake-connection';
import { describe, expect, it } from 'vitest';
import { fakeFactory } from './_fake_factory_fixture.ts';
import { DynamicConnectionPoolManager, type Lease } from './manager.ts';

/**
 * A lease that nobody holds must be unreachable although its connection is out: only so can a guard prove that it was
 * lost. One test per way to get one.
 */

type Manager = DynamicConnectionPoolManager<FakeConnection>;

function setUp(maxConnections = 2) {
  const clock = new FakeClock();
  const server = new FakeServer({ clock });
  const manager: Manager = new DynamicConnectionPoolManager<FakeConnection>({
    minConnections: 0,
    maxConnections,
    clock,
    factory: fakeFactory(server),
  });
  return { clock, server, manager };
}

/** Leases something, and forgets everything but a weak reference. The caller must not keep the promise either. */
async function lose(acquired: Promise<Lease<FakeConnection>>): Promise<WeakRef<object>> {
  return new WeakRef(await acquired);
}

async function isCollected(ref: WeakRef<object>): Promise<boolean> {
  // A WeakRef keeps its target alive until the end of the job in which it was made or read.
  for (let attempt = 0; attempt < 10; attempt++) {
    await setImmediate();
    (globalThis as { gc?: () => void }).gc?.();
    await setImmediate();
    if (ref.deref() === undefined) return true;
  }
  return false;
}

describe('a lease that its holder has lost is collectable while its connection is out', () => {
  it('is a test that can fail: a lease that is held is not collected', async () => {
    const { manager } = setUp();
    const lease = await manager.getConnection();
    expect(await isCollected(new WeakRef(lease))).toBe(false);
    expect(lease.released).toBe(false);
  });

  it('got with a new connection', async () => {
    const { manager } = setUp();
    const ref = await lose(manager.getConnection());
    expect(await isCollected(ref)).toBe(true);
    expect(manager.stats().leased).toBe(1);
  });

  it('got with an idle connection', async () => {
    const { manager } = setUp();
    await (await manager.getConnection()).release();
    const ref = await lose(manager.getConnection());
    expect(await isCollected(ref)).toBe(true);
    expect(manager.stats()).toMatchObject({ leased: 1, created: 1 });
  });

  it('got after waiting in the queue, between others who wait', async () => {
    const { manager } = setUp(1);
    const holder = await manager.getConnection();
    const losing = lose(manager.getConnection());
    const behind = manager.getConnection({ timeoutMs: 10 });
    const further = manager.getConnection();
    await holder.release();
    const ref = await losing;
    expect(await isCollected(ref)).toBe(true);
    expect(manager.stats()).toMatchObject({ leased: 1, waiting: 2 });
    const ended = manager.end({ graceMs: 0 });
    await Promise.allSettled([behind, further]);
    await ended;
  });

  it('got with a signal that lives on', async () => {
    const { manager } = setUp(1);
    const { signal } = new AbortController();
    const holder = await manager.getConnection({ signal });
    const losing = lose(manager.getConnection({ signal }));
    await holder.release();
    const ref = await losing;
    expect(await isCollected(ref)).toBe(true);
    expect(signal.aborted).toBe(false);
    expect(manager.stats().leased).toBe(1);
  });

  it('got after the server was down', async () => {
    const { manager, server, clock } = setUp();
    server.refuse();
    const losing = lose(manager.getConnection());
    await clock.advance(500);
    expect(manager.state).toBe('down');
    server.accept();
    await clock.advance(1_000);
    const ref = await losing;
    expect(await isCollected(ref)).toBe(true);
    expect(manager.stats()).toMatchObject({ leased: 1, state: 'recovering' });
  });

  it('got with a connection that replaced a lost one', async () => {
    const { manager, server } = setUp();
    await (await manager.getConnection()).release();
    server.loseAll();
    const ref = await lose(manager.getConnection());
    expect(await isCollected(ref)).toBe(true);
    expect(manager.stats()).toMatchObject({ leased: 1, created: 2 });
  });

  it('got while observers are told of it', async () => {
    const { manager } = setUp();
    let told: WeakRef<object> | undefined;
    manager.observe({
      tracksLeases: true,
      acquired: ({ lease }) => {
        told = lease === undefined ? undefined : new WeakRef(lease);
      },
    });
    const ref = await lose(manager.getConnection());
    expect(await isCollected(ref)).toBe(true);
    expect(told).toBeDefined();
    expect(await isCollected(told as WeakRef<object>)).toBe(true);
  });

  it('and what withConnection() used leaves nothing behind', async () => {
    const { manager } = setUp();
    let result: WeakRef<object> | undefined;
    await manager.withConnection(() => {
      const big = { rows: [1, 2, 3] };
      result = new WeakRef(big);
      return big.rows.length;
    });
    expect(await isCollected(result as WeakRef<object>)).toBe(true);
    expect(manager.stats()).toMatchObject({ leased: 0, idle: 1 });
  });
});

describe('reclaim()', () => {
  it('takes the connection of a lost lease back and gives it to who waits', async () => {
    const { manager } = setUp(1);
    const told: { leaseId: number; reason: string }[] = [];
    let leaseId = 0;
    manager.observe({
      acquired: (event) => {
        leaseId = event.leaseId;
      },
      reclaimed: (event) => void told.push(event),
    });
    const ref = await lose(manager.getConnection({ label: 'import' }));
    const waiting = manager.getConnection();
    expect(await isCollected(ref)).toBe(true);
    const lost = leaseId;
    expect(manager.connections()).toMatchObject([{ leaseId: lost, label: 'import' }]);
    expect(manager.reclaim(lost, 'collected')).toBe(true);
    expect(manager.reclaim(lost, 'collected')).toBe(false);
    expect((await waiting).connection.id).toBe(2);
    expect(told).toEqual([{ leaseId: lost, reason: 'collected' }]);
    expect(manager.stats().destroyed).toEqual({ reclaimed: 1 });
  });
});
