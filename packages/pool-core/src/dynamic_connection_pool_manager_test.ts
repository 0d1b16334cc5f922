import { deferred } from '@fynlo/testing/deferred';
import { FakeClock } from '@fynlo/testing/fake-clock';
import { type FakeConnection, FakeServer } from '@fynlo/testing/fake-connection';
import { describe, expect, it } from 'vitest';
import { fakeFactory } from './_fake_factory_fixture.ts';
import {
  AcquireAbortedError,
  AcquireTimeoutError,
  type ConnectionFactory,
  DynamicConnectionPoolManager,
  type DynamicConnectionPoolManagerOptions,
  LeaseReleasedError,
  PoolClosedError,
  PoolQueueFullError,
} from './manager.ts';

type Options = Partial<DynamicConnectionPoolManagerOptions<FakeConnection>>;

function setUp(options: Options = {}, latencyMs = 0) {
  const clock = new FakeClock();
  const server = new FakeServer({ clock, latencyMs });
  const factory: ConnectionFactory<FakeConnection> = {
    ...fakeFactory(server),
    validate: (connection) => connection.open,
    ...options.factory,
  };
  const manager = new DynamicConnectionPoolManager<FakeConnection>({
    clock,
    random: () => 0.5,
    ...options,
    factory,
  });
  return { clock, server, manager };
}

describe('getConnection()', () => {
  it('opens a connection for the first caller and reuses it for the next', async () => {
    const { manager, server } = setUp({ minConnections: 0 });
    const lease = await manager.getConnection();
    expect(lease.connection.id).toBe(1);
    await lease.release();
    const again = await manager.getConnection();
    expect(again.connection.id).toBe(1);
    expect(again.id).not.toBe(lease.id);
    expect(server.opened).toBe(1);
    manager.pool.assertInvariants();
  });

  it('throws LeaseReleasedError from a lease that was released', async () => {
    const { manager } = setUp({ minConnections: 0 });
    const lease = await manager.getConnection();
    void lease.release();
    expect(() => lease.connection).toThrow(LeaseReleasedError);
    expect(() => lease.release()).toThrow(LeaseReleasedError);
    expect(manager.stats().idle).toBe(1);
  });

  it('says how full the pool was, who holds longest and which deadline passed', async () => {
    const { manager, clock } = setUp({ minConnections: 0, maxConnections: 1, name: 'orders' });
    await manager.getConnection({ label: 'nightly report' });
    await clock.advance(5_000);
    const waiting = manager.getConnection({ timeoutMs: 200 });
    const failure = waiting.catch((error: unknown) => error);
    await clock.advance(201);
    const error = (await failure) as AcquireTimeoutError;
    expect(error).toBeInstanceOf(AcquireTimeoutError);
    expect(error).toMatchObject({
      code: 'ERR_POOL_ACQUIRE_TIMEOUT',
      deadline: 'timeoutMs',
      timeoutMs: 200,
      because: 'busy',
    });
    expect(error.situation).toMatchObject({ name: 'orders', size: 1, leased: 1, waiting: 1 });
    expect(error.message).toContain('"nightly report" has been out longest, 5200 ms');
    expect(manager.stats().acquireTimeouts).toBe(1);
  });

  it('tells a server that is down from a pool that is busy', async () => {
    const { manager, clock, server } = setUp({ minConnections: 0, acquireTimeoutMs: 1_000 });
    server.refuse();
    const failure = manager.getConnection().catch((error: unknown) => error);
    await clock.advance(1_001);
    const error = (await failure) as AcquireTimeoutError;
    expect(error).toMatchObject({ because: 'down', deadline: 'acquireTimeoutMs' });
    expect(error.cause).toMatchObject({ code: 'ECONNREFUSED' });
    expect(error.message).toContain('the fake server refuses');
  });

  it('rejects with AcquireAbortedError when the signal is aborted, and lets the connect finish into idle', async () => {
    const { manager, clock } = setUp({ minConnections: 0 }, 100);
    const abort = new AbortController();
    const failure = manager
      .getConnection({ signal: abort.signal })
      .catch((error: unknown) => error);
    await clock.advance(10);
    abort.abort(new Error('the user left'));
    expect(await failure).toBeInstanceOf(AcquireAbortedError);
    expect(manager.stats()).toMatchObject({ connecting: 1, waiting: 0, acquireAborts: 1 });
    await clock.advance(100);
    expect(manager.stats()).toMatchObject({ connecting: 0, idle: 1 });
  });

  it('refuses with PoolQueueFullError beyond maxWaiting, counting only who waits for a full pool', async () => {
    const { manager } = setUp({ minConnections: 0, maxConnections: 2, maxWaiting: 1 });
    const [first] = await Promise.all([manager.getConnection(), manager.getConnection()]);
    const third = manager.getConnection();
    await expect(manager.getConnection()).rejects.toBeInstanceOf(PoolQueueFullError);
    await first.release();
    expect((await third).connection).toBeDefined();
  });
});

describe('withConnection()', () => {
  it('gives the connection back when the function throws, and keeps it', async () => {
    const { manager, server } = setUp({ minConnections: 0 });
    await expect(
      manager.withConnection(() => {
        throw new Error('not the connection’s fault');
      }),
    ).rejects.toThrow('not the connection’s fault');
    expect(manager.stats()).toMatchObject({ leased: 0, idle: 1 });
    expect(server.open).toBe(1);
  });
});

describe('start()', () => {
  it('opens the minimum in the background and keeps it up after a loss', async () => {
    const { manager, server, clock } = setUp({ minConnections: 3, maxConnections: 10 });
    await manager.start();
    expect(server.open).toBe(3);
    server.loseAll();
    await clock.advance(1);
    expect(server.open).toBe(3);
    expect(manager.stats()).toMatchObject({ idle: 3, size: 3 });
    expect(manager.stats().destroyed).toEqual({ 'connection-error': 3 });
  });

  it('resolves when the first attempts failed, and opens the minimum once the server is up', async () => {
    const { manager, server, clock } = setUp({ minConnections: 3 });
    server.refuse();
    await manager.start();
    expect(server.open).toBe(0);
    await clock.advance(1_000);
    expect(manager.state).toBe('down');
    server.accept();
    await clock.advance(1_500);
    expect(server.open).toBe(3);
    expect(manager.state).toBe('ready');
  });
});

describe('end()', () => {
  it('refuses those who wait at once, waits for leases, and is the same promise the second time', async () => {
    const { manager, server } = setUp({ minConnections: 0, maxConnections: 1 });
    const lease = await manager.getConnection();
    const waiting = manager.getConnection().catch((error: unknown) => error);
    const ended = manager.end();
    expect(manager.end()).toBe(ended);
    expect(await waiting).toBeInstanceOf(PoolClosedError);
    await expect(manager.getConnection()).rejects.toBeInstanceOf(PoolClosedError);
    expect(manager.state).toBe('closing');
    void lease.release();
    await ended;
    expect(manager.state).toBe('closed');
    expect(server.open).toBe(0);
  });

  it('closes leased connections under their holders when the grace is over, and leaves no timer', async () => {
    const { manager, server, clock } = setUp({ minConnections: 2 });
    await manager.start();
    const lease = await manager.getConnection();
    const over = deferred();
    void manager.end({ graceMs: 500 }).then(over.resolve);
    await clock.advance(499);
    expect(over.settled).toBe(false);
    await clock.advance(1);
    expect(over.settled).toBe(true);
    expect(server.open).toBe(0);
    expect(() => lease.connection).toThrow(LeaseReleasedError);
    await lease[Symbol.asyncDispose]();
    expect(clock.pendingTimers()).toBe(0);
  });
});
