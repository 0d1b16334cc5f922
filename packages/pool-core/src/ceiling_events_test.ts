import { describe, expect, it } from 'vitest';
import { Database, Process, type Session, seeded, VirtualTime } from './_simulation_fixture.ts';
import type { ScalingEvent } from './contract.ts';
import type { DynamicConnectionPoolManagerOptions } from './options.ts';

function simulate(
  seen: boolean,
  options: Partial<DynamicConnectionPoolManagerOptions<Session>> = {},
) {
  const time = new VirtualTime();
  const random = seeded(7);
  const database = new Database(time, random);
  const one = new Process(time, database, random, { factory: database.factory(seen), ...options });
  const ofCeiling = (): ScalingEvent[] =>
    one.manager.scalingEvents().filter(({ reason }) => /^(ceiling|server|event)/.test(reason));
  return { time, database, one, ofCeiling };
}

type Simulation = ReturnType<typeof simulate>;

describe('what a pool allows itself is what the last event of its ceiling says', () => {
  it.each<[string, boolean, (simulation: Simulation) => void, ScalingEvent['reason'][]]>([
    [
      '200 callers that only query',
      true,
      ({ one }) => one.loop(200, 60_000, (again) => one.request(again)),
      ['ceiling-step', 'ceiling-frozen', 'ceiling-probe'],
    ],
    [
      '510 callers that think, and are seen to',
      true,
      ({ one }) => one.loop(510, 20_000, (again) => one.hold(200, again)),
      ['ceiling-probe'],
    ],
    [
      'a database at 5 % speed for 4 s, and then no load',
      false,
      ({ time, database, one }) => {
        one.offer((at) => (at < 25_000 ? 4_000 : 10));
        time.setTimeout(() => {
          database.speed = 0.05;
        }, 10_000);
        time.setTimeout(() => {
          database.speed = 1;
        }, 14_000);
      },
      ['ceiling-frozen', 'ceiling-step'],
    ],
    [
      'a server with room for 30, later for 200',
      true,
      ({ time, database, one }) => {
        database.maxConnections = 30;
        one.loop(60, 60_000, (again) => one.hold(100, again));
        time.setTimeout(() => {
          database.maxConnections = 200;
        }, 20_000);
      },
      ['server-limit'],
    ],
  ])(
    '%s',
    async (_, seen, load, reasons) => {
      const simulation = simulate(seen, { idleTimeoutMs: 5_000, acquireTimeoutMs: 60_000 });
      const { time, one, ofCeiling } = simulation;
      const first = one.manager.stats().ceiling;
      load(simulation);
      for (let at = 100; at <= 60_000; at += 100) {
        await time.run(at);
        const { ceiling } = one.manager.stats();
        expect(ofCeiling().at(-1)?.to ?? first, `after ${at} ms`).toBe(ceiling);
      }
      const events = ofCeiling();
      // Each goes on from where the one before has left it.
      expect(events.map(({ from }) => from)).toEqual([
        first,
        ...events.slice(0, -1).map(({ to }) => to),
      ]);
      expect(events.map(({ reason }) => reason)).toEqual(expect.arrayContaining(reasons));
      for (const { inputs } of events) expect(Object.keys(inputs)).not.toEqual([]);
    },
    60_000,
  );
});

describe('a climb of many steps', () => {
  it('is one event, told to observers when it has settled, and one line of explain()', async () => {
    const { time, one } = simulate(false);
    const told: ScalingEvent[] = [];
    one.manager.on('scaled', (event) => {
      if (event.reason.startsWith('ceiling')) told.push(event);
    });
    one.loop(510, 20_000, (again) => one.hold(20_000, again));
    await time.run(10_000);
    expect(told).toMatchObject([{ from: 16, to: 500, reason: 'ceiling-step' }]);
    expect(told[0]?.inputs).toMatchObject({
      open: expect.any(Number),
      waiting: expect.any(Number),
    });
    expect(one.manager.explain()).toMatch(
      /ceiling 16 -> 500, step by step with the size \(\d+ open, \d+ acquires wait\)/,
    );
  });

  it('is told as far as it has come to whoever asks meanwhile', async () => {
    const { time, one, ofCeiling } = simulate(false);
    one.loop(510, 20_000, (again) => one.hold(20_000, again));
    await time.run(1_500);
    const { ceiling } = one.manager.stats();
    expect(ceiling).toBeGreaterThan(16);
    expect(ceiling).toBeLessThan(500);
    expect(ofCeiling()).toMatchObject([{ from: 16, to: ceiling }]);
    await time.run(10_000);
    expect(ofCeiling()).toMatchObject([{ from: 16 }, { from: ceiling, to: 500 }]);
  });

  it('is told when the pool ends before it has settled, and so is what a caller asks to be warm', async () => {
    const { time, one } = simulate(false);
    const told: ScalingEvent[] = [];
    one.manager.on('scaled', (event) => {
      if (event.reason.startsWith('ceiling')) told.push(event);
    });
    void one.manager.warm(100).catch(() => {});
    await time.run(50);
    expect(one.manager.stats().ceiling).toBe(100);
    expect(told).toEqual([]);
    void one.manager.end();
    expect(told).toMatchObject([{ from: 16, to: 100, reason: 'ceiling-step' }]);
  });
});
