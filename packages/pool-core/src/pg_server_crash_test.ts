import { type RunningPostgres, startPostgres } from '@fynlo/services/postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FaultSetting, throughProxy } from './_fault_fixture.ts';
import { Load } from './_load_fixture.ts';
import { LostTime } from './_lost_time_fixture.ts';
import { delay, until } from './_pg_conformance.ts';

let postgres: RunningPostgres;
beforeAll(async () => {
  postgres = await startPostgres({ external: false, auth: 'trust' });
});
afterAll(() => postgres.stop());

/** The most connects at once while `pool` held its server for down, looked at every 2 ms. */
function probersOf({ pool }: FaultSetting) {
  const seen = { most: 0, stop: () => clearInterval(timer) };
  const timer = setInterval(() => {
    if (pool.state === 'down') seen.most = Math.max(seen.most, pool.manager.pool.connecting);
  }, 2);
  return seen;
}

describe('a server that dies under load and comes back', () => {
  test.each([
    ['F10 killed', 2_000, () => postgres.kill()],
    ['F11 shut down fast', 700, () => postgres.shutdown('fast')],
    ['F11 shut down at once', 700, () => postgres.shutdown('immediate')],
  ])(
    '%s: only what was lent fails, one prober asks, callers are served at once after its return',
    async (_, outageMs, end) => {
      await using setting = await throughProxy(postgres.url, {
        max: 10,
        connectionTimeoutMillis: 60_000,
      });
      const { pool, proxy, oracle } = setting;
      const load = new Load(pool, { callers: 32 });
      await until('the load runs', () => load.ok > 100);
      const probers = probersOf(setting);
      const before = { accepted: proxy.accepted, failed: pool.stats().createFailures };
      await end();
      await delay(outageMs);
      // At most the ten that were under way or begun at once, then one at a time: 50 to 250 ms apart.
      expect(proxy.accepted - before.accepted).toBeLessThanOrEqual(30);
      expect(pool.state).toBe('down');
      await postgres.restart();
      using lost = new LostTime();
      const readyAt = performance.now();
      const atReady = { accepted: proxy.accepted, failed: pool.stats().createFailures };
      await until('callers are served', () => load.lastOkAt > readyAt, 5_000);
      // A backoff of 250 ms at most; a login to a server that has just started takes the rest.
      expect(load.lastOkAt - readyAt).toBeLessThan(1_000 + lost.ms);
      await delay(Math.max(0, readyAt + 1_000 - performance.now()));
      // No herd: what it needs, once; at most one prober met the server while it recovered (57P03).
      expect(proxy.accepted - atReady.accepted).toBeLessThanOrEqual(11);
      expect(pool.stats().createFailures - atReady.failed).toBeLessThanOrEqual(1);
      await load.stop();
      probers.stop();
      expect(probers.most).toBe(1);
      expect(load.failed.length).toBeLessThanOrEqual(10);
      expect(load.refused).toEqual([]);
      expect(oracle.states.slice(0, 2)).toEqual(['suspect', 'down']);
      expect(oracle.states.at(-1)).toBe('ready');
      expect(pool.scalingEvents().map(({ reason }) => reason)).toContain('outage');
      await oracle.settled();
    },
  );

  test('F11 smart shutdown: what is connected works on, and its end and return go unnoticed', async () => {
    await using setting = await throughProxy(postgres.url, {
      max: 4,
      idleTimeoutMillis: 200,
      connectionTimeoutMillis: 60_000,
    });
    const { pool, oracle } = setting;
    const load = new Load(pool, { callers: 2 });
    await until('the load runs', () => load.ok > 20);
    const down = postgres.shutdown('smart');
    const { ok } = load;
    await until('the load runs on', () => load.ok > ok + 50);
    expect([load.failed, load.refused]).toEqual([[], []]);
    await load.stop();
    // It waits for its last connection, which the idle timeout closes.
    await down;
    const waiting = pool.query('select 1 as one');
    await until('it is missed', () => pool.state === 'down');
    await postgres.restart();
    expect((await waiting).rows).toEqual([{ one: 1 }]);
    await oracle.settled();
  });
});

test('F21 eight pools come back to a server after its outage without a herd', async () => {
  const settings = await Promise.all(
    Array.from({ length: 8 }, () =>
      throughProxy(postgres.url, { max: 20, maxConnecting: 4, connectionTimeoutMillis: 60_000 }),
    ),
  );
  const loads = settings.map(({ pool }) => new Load(pool, { callers: 6, pauseMs: 20 }));
  await until('all work', () => loads.every(({ ok }) => ok > 10));
  const accepted = (): number => settings.reduce((sum, { proxy }) => sum + proxy.accepted, 0);
  await postgres.kill();
  const downAt = performance.now();
  const before = accepted();
  await delay(1_000);
  await postgres.restart();
  const seconds = (performance.now() - downAt) / 1_000;
  // Each asks with 50 to 250 ms between two attempts, after at most the four that were under way.
  expect(accepted() - before).toBeLessThanOrEqual(8 * (4 + 12 * seconds));
  const atReady = accepted();
  let most = 0;
  const watch = setInterval(() => {
    const connecting = settings.map(({ pool }) => pool.manager.pool.connecting);
    most = Math.max(most, ...connecting);
  }, 2);
  const readyAt = performance.now();
  await until('all are served', () => loads.every(({ lastOkAt }) => lastOkAt > readyAt));
  await delay(500);
  clearInterval(watch);
  await Promise.all(loads.map((load) => load.stop()));
  expect(most).toBeLessThanOrEqual(4);
  // Six callers each: six connections and a prober, not twenty.
  expect(accepted() - atReady).toBeLessThanOrEqual(8 * 8);
  for (const { failed, refused } of loads) {
    expect(failed.length).toBeLessThanOrEqual(6);
    expect(refused).toEqual([]);
  }
  for (const setting of settings) {
    await setting.oracle.settled();
    await setting[Symbol.asyncDispose]();
  }
}, 40_000);
