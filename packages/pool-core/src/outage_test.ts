import { FakeClock } from '@fynlo/testing/fake-clock';
import { FakeConnectError, type FakeConnection, FakeServer } from '@fynlo/testing/fake-connection';
import { describe, expect, it } from 'vitest';
import { fakeFactory } from './_fake_factory_fixture.ts';
import {
  type AcquireTimeoutError,
  ConnectFailedError,
  type ConnectionFactory,
  DynamicConnectionPoolManager,
  type DynamicConnectionPoolManagerOptions,
  type PoolState,
} from './manager.ts';

type Options = Partial<DynamicConnectionPoolManagerOptions<FakeConnection>>;

function setUp(options: Options = {}, latencyMs = 5) {
  const clock = new FakeClock();
  const server = new FakeServer({ clock, latencyMs });
  const factory: ConnectionFactory<FakeConnection> = {
    ...fakeFactory(server),
    classify: (error) => {
      const { code } = error as { code?: string };
      if (code === '53300') return 'server-limit';
      return code === '28P01' || code === '3D000' ? 'fatal' : 'retryable';
    },
  };
  const manager = new DynamicConnectionPoolManager<FakeConnection>({
    minConnections: 0,
    clock,
    random: () => 0.5,
    factory,
    ...options,
  });
  const states: PoolState[] = [];
  manager.on('stateChanged', ({ to }) => void states.push(to));
  return { clock, server, manager, states };
}

/** Callers that work 10 ms with a connection, again and again, until told to stop. */
function load({ manager, clock }: ReturnType<typeof setUp>, callers: number) {
  const count = { ok: 0, failed: 0, lastOk: 0, running: true };
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => void clock.setTimeout(resolve, ms));
  for (let i = 0; i < callers; i++) {
    void (async () => {
      while (count.running) {
        try {
          const lease = await manager.getConnection();
          await pause(10);
          const { open } = lease.connection;
          await lease.release(open ? undefined : new Error('lost'));
          if (open) count.lastOk = clock.now();
          if (open) count.ok++;
          else count.failed++;
        } catch {
          count.failed++;
        }
        await pause(1);
      }
    })();
  }
  return count;
}

describe('F01: the server is down at the start', () => {
  it('acquires wait until their own deadline and say why; one is served within 1.5 s after the server is up', async () => {
    const { manager, server, clock } = setUp({ minConnections: 2 });
    server.refuse();
    void manager.start();
    const early = manager.getConnection({ timeoutMs: 3_000 }).catch((error: unknown) => error);
    await clock.advance(3_001);
    expect((await early) as AcquireTimeoutError).toMatchObject({
      because: 'down',
      cause: { code: 'ECONNREFUSED' },
    });
    const late = manager.getConnection();
    server.accept();
    await clock.advance(1_500);
    expect((await late).connection.open).toBe(true);
    expect(server.open).toBe(2);
  });
});

describe('F02, F03: errors that waiting does not mend', () => {
  it.each(['28P01', '3D000'])(
    '%s refuses all who wait at once, and is tried once a second',
    async (code) => {
      const { manager, server, clock } = setUp({ name: 'orders' });
      server.refuse(new FakeConnectError(code, 'password authentication failed for user "fynlo"'));
      const failures = Array.from({ length: 20 }, () =>
        manager.getConnection().catch((error: unknown) => error),
      );
      await clock.advance(200);
      for (const failure of failures) {
        expect(await failure).toBeInstanceOf(ConnectFailedError);
        expect(await failure).toMatchObject({ cause: { code } });
      }
      let attempts = server.attempts;
      for (let i = 0; i < 50; i++) {
        const failure = manager.getConnection().catch(() => undefined);
        await clock.advance(100);
        await failure;
      }
      attempts = server.attempts - attempts;
      expect(attempts).toBeGreaterThanOrEqual(4);
      expect(attempts).toBeLessThanOrEqual(6);
      // The password was mended.
      server.accept();
      await clock.advance(1_000);
      const lease = manager.getConnection();
      await clock.advance(10);
      expect((await lease).connection.open).toBe(true);
      expect(manager.state).toBe('recovering');
    },
  );

  it('reach the caller as they came where that is wanted', async () => {
    const { manager, server, clock } = setUp({ wrapConnectErrors: false });
    const error = new FakeConnectError('28P01', 'no');
    server.refuse(error);
    const failure = manager.getConnection().catch((thrown: unknown) => thrown);
    await clock.advance(10);
    expect(await failure).toBe(error);
  });

  it('do not refuse who can wait for connections that are there', async () => {
    const { manager, server, clock } = setUp();
    const holder = await Promise.all([manager.getConnection(), clock.advance(10)]);
    server.refuse(new FakeConnectError('28P01', 'no'));
    const waiting = manager.getConnection();
    await clock.advance(100);
    await holder[0].release();
    expect((await waiting).connection.id).toBe(1);
  });
});

describe('F04: a connect that takes 3 s', () => {
  it('delays nobody who has a connection, and finishes into idle when its waiter has left', async () => {
    const { manager, server, clock } = setUp({}, 3_000);
    const abort = new AbortController();
    const left = manager.getConnection({ signal: abort.signal }).catch(() => 'left');
    await clock.advance(10);
    abort.abort();
    expect(await left).toBe('left');
    await clock.advance(3_000);
    expect(manager.stats()).toMatchObject({ idle: 1, connecting: 0 });
    const rest = Array.from({ length: 30 }, () => manager.getConnection());
    await clock.advance(100);
    expect(server.pending).toBe(4);
    expect((await rest[0])?.connection.id).toBe(1);
    const ended = manager.end({ graceMs: 0 });
    await Promise.allSettled(rest);
    await ended;
  });
});

describe('F05: a server that accepts and says nothing', () => {
  it('costs each attempt its deadline to the millisecond, and the refill goes on', async () => {
    const { manager, server, clock } = setUp({ connectTimeoutMs: 2_000, acquireTimeoutMs: 60_000 });
    server.hang();
    const waiting = manager.getConnection();
    await clock.advance(1_999);
    expect(server.aborted).toBe(0);
    await clock.advance(1);
    expect(server.aborted).toBe(1);
    await clock.advance(20_000);
    expect(server.attempts).toBeGreaterThan(5);
    expect(server.peakPending).toBe(1);
    server.accept();
    await clock.advance(2_500);
    expect((await waiting).connection.open).toBe(true);
  });
});

describe('F10, P12: the server is killed under load and back after 2 s', () => {
  it('nobody who waits is refused, one prober asks, and callers are served within 250 ms of its return', async () => {
    const run = setUp({ maxConnections: 10 });
    const { manager, server, clock, states } = run;
    const count = load(run, 32);
    await clock.advance(1_000);
    const { opened, attempts } = server;
    expect(server.open).toBe(10);
    const before = count.ok;
    server.refuse();
    server.loseAll();
    await clock.advance(2_000);
    expect(manager.state).toBe('down');
    expect(count.failed).toBeLessThanOrEqual(10);
    server.accept();
    const backAt = clock.now();
    await clock.advance(300);
    expect(count.lastOk).toBeGreaterThan(backAt);
    expect(server.attempts - attempts).toBeLessThanOrEqual(30);
    await clock.advance(5_000);
    expect(count.failed).toBeLessThanOrEqual(10);
    expect(count.ok - before).toBeGreaterThan(1_000);
    expect(server.opened - opened).toBeLessThanOrEqual(10);
    expect(states).toEqual(['suspect', 'down', 'recovering', 'ready']);
    manager.pool.assertInvariants();
    count.running = false;
    await clock.advance(100);
    await manager.end();
    expect(clock.pendingTimers()).toBe(0);
  });

  it('with whileDown "reject", who waits is told each connect error', async () => {
    const { manager, server, clock } = setUp({ whileDown: 'reject' });
    server.refuse();
    const failures = Array.from({ length: 5 }, () =>
      manager.getConnection().then(
        () => 'served',
        (error: Error) => error.message,
      ),
    );
    await clock.advance(500);
    for (const failure of failures) expect(await failure).toContain('the fake server refuses');
  });
});

describe('F12: some connections are cut', () => {
  it('idle ones cost no user anything; leased ones exactly their users', async () => {
    const { manager, server, clock } = setUp({ minConnections: 8, maxConnections: 8 });
    void manager.start();
    await clock.advance(100);
    const leases = await Promise.all(Array.from({ length: 4 }, () => manager.getConnection()));
    const leased = new Set(leases.map(({ connection }) => connection));
    for (const connection of server.connections) if (!leased.has(connection)) connection.lose();
    leases[0]?.connection.lose();
    await clock.advance(100);
    expect(manager.stats()).toMatchObject({ leased: 4, idle: 4 });
    for (const lease of leases) void lease.release();
    await clock.advance(100);
    expect(manager.stats()).toMatchObject({ idle: 8, destroyed: { 'connection-error': 5 } });
    expect(server.open).toBe(8);
  });
});

describe('F21: an outage of 10 minutes', () => {
  it('is asked about once a second at most, and keeps a record of itself', async () => {
    const { manager, server, clock } = setUp({ minConnections: 5 });
    void manager.start();
    await clock.advance(100);
    server.refuse();
    server.loseAll();
    await clock.advance(60_000);
    const { attempts } = server;
    await clock.advance(540_000);
    const perSecond = (server.attempts - attempts) / 540;
    expect(perSecond).toBeGreaterThan(0.9);
    expect(perSecond).toBeLessThan(2.5);
    expect(manager.explain()).toContain('the server has not answered for');
    server.accept();
    await clock.advance(3_000);
    expect(server.open).toBe(5);
    expect(manager.state).toBe('ready');
    expect(manager.scalingEvents().map(({ reason }) => reason)).toContain('outage');
  });

  it('leaves no timer behind in a pool that wants no connection', async () => {
    const { manager, server, clock } = setUp();
    server.refuse();
    await Promise.all([
      manager.getConnection({ timeoutMs: 100 }).catch(() => undefined),
      clock.advance(200),
    ]);
    await clock.advance(120_000);
    const { attempts } = server;
    await clock.advance(3_600_000);
    expect(server.attempts).toBe(attempts);
  });
});

describe('F40: the server has no room', () => {
  it('waiters keep waiting although there is not one connection, and get one when there is room', async () => {
    const { manager, server, clock } = setUp({ acquireTimeoutMs: 60_000 });
    server.maxConnections = 0;
    const waiting = [manager.getConnection(), manager.getConnection()];
    await clock.advance(10_000);
    expect(manager.state).toBe('ready');
    expect(manager.stats()).toMatchObject({ waiting: 2, ceiling: 1, size: 0 });
    expect(server.attempts).toBeLessThan(30);
    server.maxConnections = 1;
    await clock.advance(1_100);
    const first = await waiting[0];
    await first?.release();
    expect((await waiting[1])?.connection.id).toBe(1);
  });
});

describe('an error that says nothing of the server', () => {
  it('is told to one caller and changes nothing for the others', async () => {
    let broken = true;
    const run = setUp({
      factory: {
        create: () => {
          if (broken) throw new Error('the hook failed');
          return { open: true } as FakeConnection;
        },
        destroy: () => undefined,
        classify: () => 'unrelated',
      },
    });
    await expect(run.manager.getConnection()).rejects.toThrow('the hook failed');
    expect(run.manager.state).toBe('ready');
    broken = false;
    expect((await run.manager.getConnection()).connection.open).toBe(true);
  });
});
