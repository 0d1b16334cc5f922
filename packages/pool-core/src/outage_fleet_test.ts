import { FakeClock } from '@fynlo/testing/fake-clock';
import { type FakeConnection, FakeServer } from '@fynlo/testing/fake-connection';
import { expect, test } from 'vitest';
import { fakeFactory } from './_fake_factory_fixture.ts';
import { seeded } from './_simulation_fixture.ts';
import { DynamicConnectionPoolManager } from './manager.ts';

const POOLS = 50;
const EACH = 8;

/** As many pools as a fleet has processes, in front of one server. */
async function fleet(seed: number) {
  const clock = new FakeClock();
  const server = new FakeServer({ clock, latencyMs: 8 });
  const managers = Array.from({ length: POOLS }, (_, i) => {
    const manager = new DynamicConnectionPoolManager<FakeConnection>({
      clock,
      random: seeded(seed * 1_000 + i),
      minConnections: EACH,
      maxConnections: EACH,
      factory: fakeFactory(server),
    });
    void manager.start();
    return manager;
  });
  await clock.advance(2_000);
  return { clock, server, managers };
}

test.each([1])(
  'F21: fifty processes sit out ten minutes and come back in a bounded curve (seed %d)',
  async (seed) => {
    const { clock, server, managers } = await fleet(seed);
    expect(server.open).toBe(POOLS * EACH);
    server.refuse();
    server.loseAll();
    // The first second costs each pool its burst and some probes; then once a second and less often than twice.
    await clock.advance(60_000);
    let { attempts } = server;
    await clock.advance(540_000);
    const perSecond = (server.attempts - attempts) / 540;
    expect(perSecond).toBeGreaterThan(0.9 * POOLS);
    expect(perSecond).toBeLessThan(2.5 * POOLS);

    server.accept();
    server.peakPending = 0;
    ({ attempts } = server);
    const curve: number[] = [];
    for (let i = 0; i < 20; i++) {
      await clock.advance(100);
      curve.push(server.attempts - attempts);
      ({ attempts } = server);
    }
    // Spread over a second, as each prober wakes in its own time, and each pool begins with 2, 3, 4 at once: no tenth of a
    // second sees a quarter of all connections, where a herd would put all of them into the first.
    expect(Math.max(...curve)).toBeLessThan((POOLS * EACH) / 4);
    expect(server.peakPending).toBeLessThan(POOLS * 2);
    expect(server.open).toBe(POOLS * EACH);
    // What was needed, once; one or the other was under way when the server came back.
    expect(curve.reduce((sum, n) => sum + n, 0)).toBeLessThanOrEqual(POOLS * EACH);
    for (const manager of managers) {
      expect(manager.state).toBe('ready');
      manager.pool.assertInvariants();
    }
    await Promise.all(managers.map((manager) => manager.end()));
    expect(clock.pendingTimers()).toBe(0);
  },
  60_000,
);
